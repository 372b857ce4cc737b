"""Characters that a library refuses: shown or replaced, never an end."""

from __future__ import annotations

import locale
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vlmtui.plain import line_reader

readline = pytest.importorskip("readline")


@pytest.mark.parametrize(
    ("encoding", "known"), [("utf-8", "日本 ␀ ok"), ("iso-8859-1", "?? ? ok"), ("ascii", "?? ? ok")]
)
def test_any_text_can_be_remembered(
    monkeypatch: pytest.MonkeyPatch, encoding: str, known: str
) -> None:
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _=True: encoding)
    before = readline.get_current_history_length()
    line_reader.remember(["日本 \0 ok"])
    last = readline.get_current_history_length()
    assert last == before + 1
    assert readline.get_history_item(last) == known
    readline.remove_history_item(last - 1)


def test_a_nul_in_a_line_is_shown_and_ends_nothing(run: Run) -> None:
    lines = b"what is a\0b\n/export a\0.md\n/import a\0\n/image file:///a%00b.png\n"
    lines += b"".join(b"/%s %s\n" % (verb, b"x" * 5000) for verb in (b"export", b"model"))
    ended = run("--plain", stdin=lines + b"/rename x\0y\n")
    assert ended.code == 1  # as where anything couldn't be done
    assert "Internal error" not in ended.err + ended.out
    assert "x␀y" in ended.err + ended.out
    assert ended.err.count("can't be used: File name too long") == 2


def test_a_picture_may_be_named_by_its_address_on_this_machine(
    run: Run, picture: Callable[..., Path]
) -> None:
    file = picture("red circle at left", name="it's a scene.png")
    address = file.as_uri()
    assert "%20" in address
    assert run("ask", "--image", address, "What is this?").code == 0
    for line in (f"/image {address}", rf"/image '{file.parent}/it'\''s a scene.png'"):
        ended = run("--plain", stdin=f"{line}\nWhat is this?\n".encode())
        assert "no file" not in ended.err
        assert "circle" in ended.out
