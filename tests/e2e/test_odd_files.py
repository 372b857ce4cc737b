"""What should be a file of ours is none."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.conftest import PROGRAM
from tests.terminals import Terminal

FILES = ("libraries.log", "vlmtui.log", "screen.json", "writing.json")


def test_a_fifo_in_the_place_of_a_file_of_ours_holds_up_nobody(
    terminals: list[Terminal], home: Path
) -> None:
    (home / "state").mkdir(parents=True)
    for name in FILES:
        os.mkfifo(home / "state" / name)
    terminal = Terminal(PROGRAM)
    terminals.append(terminal)
    terminal.read_until("Ask about a picture")
    terminal.send("\x11")
    assert terminal.end() == 0
