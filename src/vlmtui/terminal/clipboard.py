"""Putting text on the clipboard of the terminal that the user sits at, over SSH and inside tmux.

The way is OSC 52, which the terminal obeys. tmux stands in between: as it is set up by default it
drops what a program in it writes, but `tmux load-buffer -w` makes it a buffer and passes it on.
Where tmux is on the other side of SSH and can't be asked, the sequence is also sent wrapped, which
tmux passes through when it may (`allow-passthrough`).
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping

_SECONDS = 3.0
"""Longest time that tmux is given."""


def sequence(text: str, environment: Mapping[str, str]) -> str:
    """What to write to the terminal."""
    encoded = base64.b64encode(text.encode(errors="replace")).decode()
    plain = f"\x1b]52;c;{encoded}\x07"
    if _in_tmux(environment):
        inner = plain.replace("\x1b", "\x1b\x1b")
        return f"{plain}\x1bPtmux;{inner}\x1b\\"
    return plain


def give_to_tmux(text: str, environment: Mapping[str, str] | None = None) -> bool:
    """Make a text tmux's newest buffer and have it passed on to the terminal; blocks.

    Returns:
        False where there is no tmux to be asked, or it is too old.
    """
    environment = os.environ if environment is None else environment
    if not environment.get("TMUX"):
        return False
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode(errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _in_tmux(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("TMUX")) or environment.get("TERM", "").startswith("tmux")
