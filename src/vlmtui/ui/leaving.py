"""Leaving the application: by a key, by a signal, and where need be by force."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from textual.app import App
from textual.worker import Worker, WorkerCancelled

from vlmtui.endings import HUNG_UP

CLOSE_SECONDS = 10.0
"""Longest time that leaving waits for the engine; then the process ends and takes it along."""

TIMEOUT_SECONDS = 3.0
"""Longest time that the screen then has to end what it is drawing."""

_DEAF_SECONDS = 15.0
"""Longest time that a signal isn't heard: a terminal that takes nothing holds up what draws."""

_LAST_WRITE_SECONDS = 1.0

_SILENT_SECONDS = 1.0
"""For so long leaving may take without a word."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Leaving:
    """The one way out."""

    def __init__(
        self,
        app: App[int],
        close: Callable[[float], Worker[Any]],
        hurry: Callable[[], object],
        finish_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            app: What is left.
            close: Saves everything and ends the engine; it is done when the worker is. Is given how
                many seconds the answer that is being written may go on.
            hurry: Has that answer end now.
            finish_seconds: How many when the terminal is gone.
        """
        self._app = app
        self._close = close
        self._hurry = hurry
        self._finish_seconds = finish_seconds
        self._begun = False
        self._saved = asyncio.Event()
        self._farewell: asyncio.Future[None] | None = None

    async def leave(self, code: int) -> None:
        """Save everything, end the engine, and exit with this code.

        When the terminal is gone, the answer that is being written comes to its end first, unless
        another signal comes. Nothing is drawn meanwhile.
        """
        if self._begun:
            self._hurry()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._saved.wait(), CLOSE_SECONDS)
            return
        self._begun = True
        seconds = self._finish_seconds if code == HUNG_UP else 0.0
        drawing = self._app.batch_update() if seconds else contextlib.nullcontext()
        self._app.set_timer(_SILENT_SECONDS, self._explain)
        with contextlib.suppress(asyncio.TimeoutError, WorkerCancelled), drawing:
            await asyncio.wait_for(self._close(seconds).wait(), seconds + CLOSE_SECONDS)
        self._saved.set()
        self._app.exit(code)

    def _explain(self) -> None:
        self._app.notify("Quitting as soon as what you wrote is saved", timeout=CLOSE_SECONDS)

    def catch_signals(self) -> None:
        """Leave when a signal says so."""
        if threading.current_thread() is threading.main_thread():  # elsewhere nobody can
            self._loop = asyncio.get_running_loop()
            self._context = contextvars.copy_context()  # Textual finds the application in it
            self._before = {number: signal.signal(number, self._came) for number in _SIGNALS}

    def release_signals(self) -> None:
        """Give the signals back."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _came(self, number: int, _: FrameType | None) -> None:
        """Have the loop hear of it, or end without: all but the last words are saved by then."""
        heard = threading.Event()

        def hear() -> None:
            heard.set()
            self._signalled(signal.Signals(number))

        def insist() -> None:
            if not heard.wait(_DEAF_SECONDS):
                os._exit(128 + number)

        threading.Thread(target=insist, name="vlmtui-signal", daemon=True).start()
        self._loop.call_soon_threadsafe(hear, context=self._context)

    def _signalled(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and self._farewell is not None:  # the same end, told twice
            return
        # not as a message: thousands of keys may be queued before it
        self._farewell = asyncio.ensure_future(self._obey(128 + number))

    async def _obey(self, code: int) -> None:
        """Leave, by force if the screen takes too long with what it is drawing."""
        try:
            await self.leave(code)
        finally:
            last_resort = threading.Timer(TIMEOUT_SECONDS, self._give_up, (code,))
            last_resort.daemon = True
            last_resort.start()

    def _give_up(self, code: int) -> None:
        """End the process, from another thread: everything is saved, the screen is just busy."""
        restoring = threading.Thread(target=self._restore, name="vlmtui-restore", daemon=True)
        restoring.start()
        restoring.join(_LAST_WRITE_SECONDS)  # the terminal may take nothing
        os._exit(code)

    def _restore(self) -> None:
        with contextlib.suppress(Exception):  # or have gone
            if self._app._driver is not None:
                self._app._driver.stop_application_mode()
