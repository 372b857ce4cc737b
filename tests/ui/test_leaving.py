"""Leaving where the screen can't hear: its terminal takes nothing more."""

from __future__ import annotations

import signal
import subprocess
import sys

DEAF = """
import asyncio, queue
from vlmtui.ui import leaving

leaving._DEAF_SECONDS = 0.2

async def stuck():
    leaving.Leaving(None, None, None, 0.0).catch_signals()
    print("there", flush=True)
    full = queue.Queue(1)
    full.put("a frame")
    full.put("another that nobody takes")

asyncio.run(stuck())
"""


def test_a_signal_ends_a_screen_whose_terminal_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
