"""Pictures in a terminal with kitty's graphics; replies that come late; a terminal inside tmux."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.fake_kitty import FakeTerminal
from vlmtui import demo

PROGRAM = Path(sys.executable).with_name("vlmtui")
SAMPLE = demo.sample_images()[0]
COMPOSER = b"Ask about a picture"
COMMAND = rb"\x1b_G([^;\x1b]*);([A-Za-z0-9+/=]*)\x1b\\"
LAST = rb"\x1b_G[^;\x1b]*\bm=0;[^\x1b]*\x1b\\"
PLACEHOLDER = "\U0010eeee".encode()

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="vlmtui is not installed beside this Python"
)


@pytest.fixture
def kitty(home: Path) -> Iterator[FakeTerminal]:
    terminal = FakeTerminal(
        PROGRAM,
        name="kitty(0.35.1)",
        device="62;",
        graphics=True,
        TERM="xterm-kitty",
        COLORTERM="truecolor",
        VLMTUI_HOME=str(home),
    )
    yield terminal
    terminal.close()


def ask(terminal: FakeTerminal) -> None:
    terminal.wait_for(COMPOSER)
    terminal.type(f"@{SAMPLE} What is it?\r")


def received(output: bytes) -> tuple[dict[str, str], Image.Image]:
    """The first picture: the keys that it was sent with, and what it shows."""
    keys: dict[str, str] = {}
    data = b""
    for match in re.finditer(COMMAND, output):
        pairs = dict(pair.split("=") for pair in match[1].decode().split(","))
        if pairs.get("a") in ("q", "d"):
            continue
        keys = keys or pairs
        data += match[2]
        assert len(match[2]) <= 4096
        if pairs["m"] == "0":
            break
    return keys, Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def test_a_picture_is_sent_once_and_stands_where_its_placeholders_are(kitty: FakeTerminal) -> None:
    ask(kitty)
    kitty.wait_for(LAST)
    keys, picture = received(kitty.output)
    columns, rows = int(keys["c"]), int(keys["r"])
    assert (keys["a"], keys["U"], keys["f"], keys["q"]) == ("T", "1", "100", "2")
    assert picture.width <= 10 * columns
    assert picture.width / picture.height == pytest.approx(480 / 360, rel=0.1)

    number = int(keys["i"])
    kitty.wait_for(b"\x1b\\[38;5;%d;48;2;[0-9;]*m%s" % (number & 255, PLACEHOLDER))
    kitty.wait_for(rb"first token|\bfirst\b")  # the answer is there
    kitty.type("\x1b[5~\x1b[6~" * 3)  # page up, page down
    kitty.type("/sample")
    kitty.wait_for(b"/sample|sample")
    sent_again = [
        match
        for match in re.finditer(rb"\x1b_Ga=T[^;]*;", kitty.output)
        if b"c=%d,r=%d," % (columns, rows) in match[0]
    ]
    assert len(sent_again) == 1

    kitty.type("\x11")
    assert kitty.wait_for_end() == 0
    assert f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\".encode() in kitty.output


def sent(output: bytes) -> list[int]:
    """The pictures that were sent, by their ids."""
    return [int(number) for number in re.findall(rb"\x1b_Ga=T,U=1,i=(\d+),", output)]


def shown(number: int) -> bytes:
    """What a terminal sees where it shall show this picture."""
    return b"\x1b\\[38;5;%d;48;2;[0-9;]*m%s" % (number & 255, PLACEHOLDER)


@pytest.mark.parametrize("how", ["stopped and continued", "Ctrl+L"])
def test_pictures_come_back_after_something_else_had_the_terminal(
    kitty: FakeTerminal, how: str
) -> None:
    ask(kitty)
    kitty.wait_for(LAST)
    before = sent(kitty.output)[0]
    kitty.wait_for(shown(before))
    kitty.wait_for(rb"first token|\bfirst\b")  # the answer is there
    if how == "Ctrl+L":
        start = kitty.read_all()
        kitty.type("\x0c")
    else:
        start = kitty.stop_and_continue()
    kitty.wait_for(rb"\x1b\[\?1049h", start=start)  # a terminal that was reset has lost its modes
    kitty.wait_for(LAST, start=start)
    again = sent(kitty.output[start:])[0]
    assert again != before
    kitty.wait_for(shown(again), start=start)
    kitty.type("\x11")
    assert kitty.wait_for_end() == 0
    for number in (before, again):
        assert f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\".encode() in kitty.output


def test_a_kitty_that_is_too_old_for_placeholders_shows_half_blocks(home: Path) -> None:
    terminal = FakeTerminal(
        PROGRAM,
        name="kitty(0.26.5)",
        device="62;",
        graphics=True,
        TERM="xterm-kitty",
        VLMTUI_HOME=str(home),
    )
    try:
        ask(terminal)
        terminal.wait_for("▄".encode())
        terminal.wait_for(rb"first token|\bfirst\b")
        assert PLACEHOLDER not in terminal.output
        assert b"\x1b_Ga=T" not in terminal.output
    finally:
        terminal.close()


def test_a_reply_that_comes_late_is_not_typed_and_still_counts(home: Path) -> None:
    terminal = FakeTerminal(
        PROGRAM,
        name="XTerm(379)",
        device="63;1;2;4",
        hold_device=True,
        TERM="xterm-256color",
        VLMTUI_HOME=str(home),
    )
    try:
        ask(terminal)
        terminal.wait_for("▄".encode())  # half blocks, as long as nothing better is known
        assert b"\x1bP" not in terminal.output
        terminal.let_go()
        terminal.wait_for(rb"\x1bP0;0;0q.*\x1b\\")
        assert b"63;1;2;4" not in terminal.output
        terminal.type("\x11")
        assert terminal.wait_for_end() == 0
    finally:
        terminal.close()


@pytest.fixture
def sockets() -> Iterator[str]:
    """Where a tmux server has its socket; it is ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="vt-") as folder:
        yield folder
        subprocess.run(
            ["tmux", "kill-server"],
            env={"TMUX_TMPDIR": folder, "PATH": "/usr/bin:/bin:/usr/local/bin"},
            capture_output=True,
            check=False,
        )


def in_tmux(sockets: str, home: Path, name: str, *arguments: str | Path) -> FakeTerminal:
    """A terminal of this name with a client of tmux in it."""
    return FakeTerminal(
        *("tmux", "-f", Path(sockets) / "tmux.conf", *arguments),
        name=name,
        device="62;",
        graphics=True,
        TERM="xterm-256color",
        TMUX_TMPDIR=sockets,
        VLMTUI_HOME=str(home),
    )


def configure(sockets: str, passthrough: str) -> None:
    (Path(sockets) / "tmux.conf").write_text(
        f"set -g allow-passthrough {passthrough}\nset -sg escape-time 0\n"
    )


needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@needs_tmux
@pytest.mark.parametrize("passthrough", ["on", "off"])
def test_inside_tmux_pictures_go_through_it_where_it_lets_them(
    home: Path, sockets: str, passthrough: str
) -> None:
    configure(sockets, passthrough)
    terminal = in_tmux(sockets, home, "kitty(0.35.1)", "new-session", f"{PROGRAM}; sleep 1")
    try:
        ask(terminal)
        if passthrough == "on":
            terminal.wait_for(LAST)
            keys, _ = received(terminal.output)
            terminal.wait_for(PLACEHOLDER)
            assert int(keys["c"]) > 1
        else:
            terminal.wait_for("▄".encode())
            terminal.wait_for(b"ready")
            assert b"\x1b_G" not in terminal.output
    finally:
        terminal.close()


@needs_tmux
def test_another_terminal_that_tmux_is_attached_to_gets_what_it_can_show(
    home: Path, sockets: str
) -> None:
    configure(sockets, "on")
    terminal = in_tmux(sockets, home, "kitty(0.35.1)", "new-session", f"{PROGRAM}; sleep 1")
    try:
        ask(terminal)
        terminal.wait_for(LAST)
        terminal.wait_for(rb"first token|\bfirst\b")
    finally:
        terminal.close()
    terminal = in_tmux(sockets, home, "WezTerm 20240203", "attach")
    try:
        terminal.wait_for("▄".encode())
        terminal.read_all()
        assert b"\x1b_Ga=T" not in terminal.output
    finally:
        terminal.close()
    terminal = in_tmux(sockets, home, "ghostty 1.1.3", "attach")
    try:
        terminal.wait_for(LAST)
        assert sent(terminal.output)
        terminal.wait_for(PLACEHOLDER)
    finally:
        terminal.close()
