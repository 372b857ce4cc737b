"""Putting text on the clipboard of the terminal that the user sits at, over SSH and inside tmux.

The way is OSC 52, which the terminal obeys. tmux stands in between: as it is set up by default it
drops what a program in it writes, but `tmux load-buffer -w` makes it a buffer and passes it on.
Where tmux is on the other side of SSH and can't be asked, the sequence is also sent wrapped, which
tmux passes through when it may (`allow-passthrough`).
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess

from textual import work
from textual.app import App

_SECONDS = 3.0
"""Longest time that tmux is given."""


class ClipboardApp(App[int]):
    """An application that copies through tmux and SSH."""

    def copy_to_clipboard(self, text: str) -> None:
        self._clipboard = text
        if os.environ.get("TMUX"):
            self._copy(text)
        else:
            self._write(text)

    @work(exclusive=True, group="clipboard")
    async def _copy(self, text: str) -> None:
        if not await asyncio.to_thread(give_to_tmux, text):
            self._write(text)

    def _write(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence(text))


def sequence(text: str) -> str:
    """What to write to the terminal."""
    encoded = base64.b64encode(text.encode(errors="replace")).decode()
    plain = f"\x1b]52;c;{encoded}\x07"
    if os.environ.get("TMUX") or os.environ.get("TERM", "").startswith("tmux"):
        inner = plain.replace("\x1b", "\x1b\x1b")
        return f"{plain}\x1bPtmux;{inner}\x1b\\"
    return plain


def give_to_tmux(text: str) -> bool:
    """Make a text tmux's newest buffer and have it passed on to the terminal; blocks.

    Returns:
        False where tmux can't be asked, or is too old.
    """
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode(errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
