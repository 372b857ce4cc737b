"""Asking the terminal how it shows pictures, outside the full-screen chat."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty

from vlmtui.terminal.graphics import REPLIES, Detection, Graphics, Tmux

_TIMEOUT_S = 1.0
"""A terminal replies within milliseconds; over a slow line, within a second."""


def ask_terminal() -> Graphics | None:
    """What the terminal can do; None where there is no terminal to ask."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    detection = Detection("auto", os.environ, None)
    question = detection.tmux_said(Tmux.ask()) if detection.needs_tmux else detection.ask()
    if question:
        _talk(detection, question)
    return detection.graphics


def _talk(detection: Detection, question: str) -> None:
    """Ask and take replies until there is nothing more to ask, or nobody replies."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)  # else the replies would be echoed and wait for Enter
    try:
        heard = ""
        end = time.monotonic() + _TIMEOUT_S
        while question or (left := end - time.monotonic()) > 0:
            if question:
                sys.stdout.write(question)
                sys.stdout.flush()
                question, end = "", time.monotonic() + _TIMEOUT_S
                continue
            if not select.select([descriptor], [], [], left)[0]:
                return
            heard += os.read(descriptor, 4096).decode(errors="replace")
            while match := REPLIES.search(heard):
                heard = heard[match.end() :]
                question += detection.take(match[0])
                if match["device"] is not None and not question:
                    return  # it ends each round, and there is no further one
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)  # late replies are not typed text
