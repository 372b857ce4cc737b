"""Every setting and every variable with values that mean nothing: answered, or refused by name."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import msgspec
import pytest
from textual import constants

from tests.cli.conftest import PROGRAM, Run
from tests.terminals import Terminal
from vlmtui.errors import SettingsError
from vlmtui.settings import Settings, load_settings

NUMBERS = ("-1", "0", "2147483647", "99999999999999999999", "1e308", "1e-308", "nan", "-inf")
TEXTS = ('""', r'"\u0000"', r'"\u001b[2J"', '"no such thing"', '"/dev/zero"', '"~nobody/x"')
OTHERS = ("true", "[]", r'["", "\u0000", "/dev/zero", "~nobody/x"]', "{}")
TABLES = (
    '{demo = ""}',
    '{demo = "/dev/zero"}',
    r'{"" = "", "\u0000" = "\u0000"}',
    '{"chat.stop" = "no such key"}',
    '{"" = {}}',
    "{a = {temperature = -5}}",
    '{a = {stop = [""], seed = 0}}',
)
VALUES = (*NUMBERS, *TEXTS, *OTHERS, *TABLES)
REFUSED = ("TEXTUAL_COLOR_SYSTEM", "TEXTUAL_LOG")


@pytest.mark.parametrize("key", [field.name for field in msgspec.structs.fields(Settings)])
def test_an_odd_value_of_a_setting_is_refused_by_name_or_answered_with(
    run: Run, home: Path, key: str
) -> None:
    file = home / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    for value in VALUES:
        file.write_text(f"{key} = {value}\n")
        try:
            load_settings()
        except SettingsError as error:
            assert f"`{key}" in error.message or key in error.message
            continue
        ended = run("ask", "--max-tokens", "1", "Hello")
        assert ended.code in (0, 2), (value, ended)
        assert "Internal error" not in ended.err
        assert ended.code == 0 or ended.err.count("\n") == 2, (value, ended)


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("VLMTUI_SYSROOT", "/no/such", 2),
        ("VLMTUI_HOME", "/dev/null", 2),
        ("VLMTUI_KEEP_ALIVE", "x" * 100_000, 2),
        ("HF_HOME", "~nobody/x", 0),
        ("LLAMA_CACHE", "/dev/zero", 0),
        ("OLLAMA_MODELS", "~nobody/x", 0),
        ("TMPDIR", "/no/such", 0),
        ("TERM", "no-such-terminal", 0),
        ("COLUMNS", "-1", 0),
        ("LC_ALL", "no_SUCH.encoding", 0),
        ("TEXTUAL_COLOR_SYSTEM", "no-such-system", 0),
    ],
)
def test_an_odd_variable_is_named_or_does_no_harm(
    run: Run, variable: str, value: str, code: int
) -> None:
    ended = run("ask", "--max-tokens", "1", "Hello", env={variable: value})
    assert ended.code == code
    assert "Internal error" not in ended.err
    assert len(ended.err) < 5000
    assert variable in ended.err if code else not ended.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TEXTUAL_COLOR_SYSTEM", "bogus"),
        ("TEXTUAL_COLOR_SYSTEM", ""),
        ("TEXTUAL_LOG", "/no/such/place"),
        ("TEXTUAL_LOG", "/dev/full"),
        ("TEXTUAL_LOG", "/"),
    ],
)
def test_a_variable_that_would_end_the_screen_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    terminal = Terminal(PROGRAM)
    try:
        assert terminal.end() == 2
        assert variable in terminal.seen
        assert "\x1b[?1049h" not in terminal.seen
    finally:
        terminal.close()


def test_other_variables_of_the_screen_may_say_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    known = set(re.findall(r'get_environ\w*\(\s*"(\w+)"', inspect.getsource(constants)))
    assert known.issuperset(REFUSED)
    for variable in known.difference(REFUSED, {"TEXTUAL_DISABLE_KITTY_KEY"}):
        monkeypatch.setenv(variable, "bogus")
    monkeypatch.setenv("COLUMNS", "99999")
    monkeypatch.setenv("LINES", "99999")
    terminal = Terminal(PROGRAM)
    try:
        terminal.read_until("Ask about a picture")
        terminal.send("\x11")
        assert terminal.end() == 0
    finally:
        terminal.close()
