"""An error that nobody thought of, in the middle of the screen."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.terminals import Terminal

CRASHING = """
from vlmtui.__main__ import main
from vlmtui.ui.screens.chat.chat_screen import ChatScreen

def crash(self):
    kept = self.prompt.text
    raise RuntimeError("nobody thought of this" + chr(27) + "[31m")

ChatScreen.action_stop = crash
raise SystemExit(main())
"""


def test_it_is_told_in_a_line_and_logged_and_shows_no_message(
    home: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal([sys.executable, "-c", CRASHING])
    terminals.append(terminal)
    terminal.read_until("Ask about a picture")
    terminal.send("confidential words")
    terminal.read_until("words")
    terminal.send("\x1b")
    assert terminal.end() == 1
    _, _, after = terminal.text.rpartition("Internal error")
    assert after.startswith(": RuntimeError: nobody thought of this␛[31m")
    assert "Traceback" not in terminal.text
    assert "confidential" not in after
    assert "vlmtui.log" in after
    terminal.assert_clean()
    (log,) = home.rglob("vlmtui.log")
    assert "nobody thought of this" in log.read_text()
    assert "confidential" not in log.read_text()
