"""The request that an engine's process is at: what was asked of it, and when it was last heard of.

A cancel is a request and not a deadline, so this says when one has had its time, and when a process
shows no sign of life. It ends nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from vlmtui.engine import death
from vlmtui.engine.engine_events import Notice
from vlmtui.engine.engine_requests import Cancel
from vlmtui.engine.wire import Channel, Command, Report

SILENCE_S = 8.0
"""After so many seconds without a sign of life it is told; the worker gives one each second."""

CANCEL_S = 3.0
"""After so many seconds a cancel that hasn't taken effect is told."""


class RunningRequest:
    """The request that runs: what was asked of it, and when it was last heard of."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.aborted = False
        """Its process was ended on purpose."""

        self.whole = False
        """All of it is sent."""

        self._cancelled: float | None = None
        self._cancel_sent = False
        self._sign_at = time.monotonic()
        self._warned: set[str] = set()

    def cancel(self, channel: Channel[Report]) -> None:
        """Ask for its end, as soon as all of it is sent; once."""
        self._cancelled = self._cancelled or time.monotonic()
        self.pass_on_cancel(channel)

    def pass_on_cancel(self, channel: Channel[Report]) -> None:
        """Send the cancel that was asked for, if it couldn't be sent before."""
        if self._cancelled is not None and self.whole and not self._cancel_sent:
            # when the process has died, whoever waits for its events finds out
            self._cancel_sent = channel.try_send(Command(self.number, Cancel()))

    def heard(self) -> None:
        """Its process has shown a sign of life."""
        self._sign_at = time.monotonic()
        self._warned.discard("silent")

    def notices(self, phase: str) -> Iterator[Notice]:
        """What the user must know now, each once."""
        now = time.monotonic()
        doing = death.DOING.get(phase, "working")
        if now - self._sign_at >= SILENCE_S and "silent" not in self._warned:
            self._warned.add("silent")
            yield Notice(
                "silent",
                f"The engine has shown no sign of life for {now - self._sign_at:.0f} seconds while "
                f"{doing}",
                "It may be stopped, or memory may be low. Stop twice to end its process; the "
                "next question starts another.",
            )
        elif self._cancelled is not None and now - self._cancelled >= CANCEL_S and not self._warned:
            self._warned.add("cancel")
            yield Notice(
                "silent",
                f"The engine is still {doing}, and stops when it is done with that",
                "Stop again to end its process at once; the next question loads the model again.",
            )
