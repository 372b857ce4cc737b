from __future__ import annotations

import os
import threading
from typing import TextIO

from vlmtui.terminal.driver import HangupSafe


def pipe() -> tuple[int, TextIO]:
    ours, theirs = os.pipe()
    return ours, os.fdopen(theirs, "w")


def test_a_terminal_that_takes_everything_at_once_is_not_slow() -> None:
    ours, file = pipe()
    terminal = HangupSafe(file)
    terminal.write("a frame")
    terminal.flush()
    assert not terminal.slow
    file.close()
    os.close(ours)


def test_a_terminal_that_lets_a_write_wait_is_slow() -> None:
    ours, file = pipe()
    terminal = HangupSafe(file)
    writing = threading.Thread(target=lambda: (terminal.write("x" * 200_000), terminal.flush()))
    writing.start()
    deadline = threading.Event()
    for _ in range(400):  # it is blocked: a pipe holds 64 KiB
        if terminal.slow:
            break
        deadline.wait(0.05)
    assert terminal.slow
    taken = 0
    while taken < 200_000:
        taken += len(os.read(ours, 65_536))
    writing.join(30)
    assert not writing.is_alive()
    assert terminal.slow  # for a while
    file.close()
    os.close(ours)
