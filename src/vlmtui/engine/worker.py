"""The engine's process: the only place where llama.cpp runs.

One thread reads requests from the socket, the main thread works on them one after the other. When
the socket closes or a `Shutdown` comes, the process ends at once, in the middle of anything; one
that has nothing to do may write what it has computed to the disk before. What libraries print goes
to the log, which stdout and stderr point to.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from vlmtui import errors
from vlmtui.engine import registry
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Alive, Event, Failed, Finished
from vlmtui.engine.engine_requests import (
    Cancel,
    Conclude,
    Generate,
    Load,
    Measure,
    Plan,
    Prepare,
    Shutdown,
)
from vlmtui.engine.wire import Channel, Command, Report, WireError
from vlmtui.offspring import prefer_oom_kill

_OOM_SCORE = 500
"""Of -1000..1000: when memory runs out the kernel shall take the engine, which can be started
again, and not the chat or the SSH session."""


PULSE_S = 1.0
"""Seconds between two signs of life while a request runs."""


KEEP_S = 2.0
"""So long that may take: who ends an engine waits for its memory."""


class Worker:
    """Serves one client over one channel."""

    def __init__(self, channel: Channel[Command]) -> None:
        self._channel = channel
        self._commands: queue.Queue[Command] = queue.Queue()
        self._backend: registry.Backend | None = None
        self._cancel = CancelFlag()
        self._lock = threading.Lock()
        self._busy = threading.Event()
        self._ahead = False
        """What runs gives way to any other request."""

        self._current = -1
        self._cancelled = -1
        """Highest request number that was cancelled; numbers only grow."""

    def serve(self) -> None:
        """Work until the process ends."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        threading.Thread(target=self._pulse, name="pulse", daemon=True).start()
        while True:
            command = self._commands.get()
            if isinstance(command.request, Shutdown):
                self._keep()
                os._exit(0)
            with self._lock:
                self._current = command.number
                self._cancel.clear()
                self._ahead = isinstance(command.request, Prepare)
                given_way = self._ahead and not self._commands.empty()
                if self._cancelled >= command.number or given_way:
                    self._cancel.set()
            self._busy.set()
            emit = partial(self._emit, command.number)
            ended = self._answer(command, emit)
            self._busy.clear()
            emit(ended)

    def _emit(self, number: int, event: Event) -> None:
        try:
            self._channel.send(Report(number, event))
        except OSError:
            os._exit(0)  # the client is gone

    def _pulse(self) -> None:
        """Show that this process lives, whatever the main thread is at."""
        while self._busy.wait():
            time.sleep(PULSE_S)
            self._emit(self._current, Alive())

    def _read(self) -> None:
        try:
            while (command := self._channel.receive()) is not None:
                if isinstance(command.request, Shutdown):
                    break
                if isinstance(command.request, Cancel):
                    with self._lock:
                        self._cancelled = max(self._cancelled, command.number)
                        if self._current == command.number:
                            self._cancel.set()
                elif isinstance(command.request, Conclude):
                    with self._lock:
                        if self._current == command.number:
                            self._cancel.concludes = True
                else:
                    self._commands.put(command)
                    with self._lock:
                        if self._ahead:
                            self._cancel.set()
        except WireError as error:
            print(f"vlmtui: the client sent no frame: {error}", file=sys.stderr)
        sys.stderr.flush()
        if not self._busy.is_set():
            self._commands.put(Command(0, Shutdown()))
            time.sleep(KEEP_S * 1.25)
        os._exit(0)

    def _answer(self, command: Command, emit: Callable[[Event], None]) -> Finished | Failed:
        """Work on a request; returns its last event."""
        loads = isinstance(command.request, Load | Plan)
        kind = "LoadFailed" if loads else "GenerateFailed"
        try:
            return self._dispatch(command, emit)
        except errors.VlmtuiError as error:
            return Failed(type(error).__name__, error.message, error.hint)
        except MemoryError:
            return Failed(
                "OutOfMemory" if loads else kind,
                "The engine ran out of memory",
                "Try a smaller context: --ctx 2048.",
            )
        except Exception as error:
            # whatever a library throws must reach the user as an event; the log has the details
            traceback.print_exc()
            return Failed(
                kind,
                f"The engine failed unexpectedly: {type(error).__name__}: {error}",
                "The engine's log has the details; please report it.",
            )

    def _dispatch(self, command: Command, emit: Callable[[Event], None]) -> Finished:
        match command.request:
            case Load() as request:
                self._unload()
                self._backend = registry.create(request)
                try:
                    finished = self._backend.load(request, self._cancel, emit)
                except BaseException:
                    self._unload()
                    raise
                if finished.reason == "cancelled":
                    self._unload()
                return finished
            case Generate() as request:
                if self._backend is None:
                    raise errors.GenerateFailed("No model is loaded", "Load one first.")
                return self._backend.generate(request, self._cancel, emit)
            case Prepare() as request:
                if self._backend is None:
                    return Finished("cancelled")
                return self._backend.prepare(request, self._cancel, emit)
            case Plan(load=load):
                backend = registry.create(load)
                try:
                    emit(backend.plan(load))
                finally:
                    backend.close()
                return Finished("done")
            case Measure() as request:
                if self._backend is not None and (found := self._backend.measure(request)):
                    emit(found)
                return Finished("done")
            case _:  # the reading thread keeps the others to itself
                raise TypeError(f"{command.request} is not a request")

    def _keep(self) -> None:
        if self._backend is not None:
            with suppress(Exception):  # it is computed again then
                self._backend.keep(KEEP_S)

    def _unload(self) -> None:
        if self._backend is not None:
            self._backend.close()
            self._backend = None


def main(descriptor: int) -> None:
    """Run the worker on an inherited socket; does not return."""
    faulthandler.enable()
    prefer_oom_kill(_OOM_SCORE)
    Worker(Channel(socket.socket(fileno=descriptor), Command)).serve()
