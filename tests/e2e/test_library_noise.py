"""What libraries in C print doesn't reach the screen while it is drawn, and does afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.terminals import Terminal
from vlmtui import paths

COMPOSER = "Ask about a picture"

NOISY = """
import os, sys, threading, time
from vlmtui.__main__ import main

def warn():
    while sys.__stderr__.fileno() == 2:
        time.sleep(0.01)
    for _ in range(20):
        os.write(2, b"TIFFReadDirectory: Warning\\n")
        time.sleep(0.05)

threading.Thread(target=warn, daemon=True).start()
sys.argv = ["vlmtui"]
try:
    main()
finally:
    os.write(2, b"afterwards\\n")
"""


def test_warnings_of_libraries_go_to_a_log(terminals: list[Terminal], home: Path) -> None:
    terminal = Terminal([sys.executable, "-c", NOISY])
    terminals.append(terminal)
    terminal.read_until(COMPOSER)
    log = paths.library_log_path()
    terminal.wait_until(lambda: log.exists() and b"Warning" in log.read_bytes())
    terminal.send("\x11")
    assert terminal.end() == 0
    assert "TIFFReadDirectory" not in terminal.seen
    assert "afterwards" in terminal.text
    terminal.assert_clean()
    assert log.stat().st_mode & 0o777 == 0o600
