"""A process that engines run in, with the channel to it and the log that its output goes to.

Started here and ended here; what is said over the channel is for `client`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from vlmtui import offspring
from vlmtui.engine.engine_requests import Shutdown
from vlmtui.engine.logs import last_lines, open_log
from vlmtui.engine.wire import Channel, Command, Report
from vlmtui.errors import EngineCrashed, remedy

_EXIT_TIMEOUT_S = 3.0


class EngineProcess:
    """A worker that runs, or has ended."""

    def __init__(self, log_path: Path) -> None:
        """Start it.

        Raises:
            EngineCrashed: It can't be started.
        """
        self.log_path = log_path
        ours, theirs = socket.socketpair()
        try:
            log, self._log_start = open_log(log_path)
            with log:
                self._process = subprocess.Popen(
                    offspring.program("vlmtui.engine.worker", theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # a debugger's backtrace would push the failed assertion out of the log's tail
                    env={**os.environ, "GGML_NO_BACKTRACE": "1"},
                    # Ctrl+C in the terminal is for the app, which then cancels or closes us
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise EngineCrashed(
                f"The engine's process can't be started: {error.strerror or error}",
                remedy(error, f"Check {error.filename or sys.executable}."),
                phase="starting",
            ) from None
        finally:
            theirs.close()
        self.connection = ours
        self.channel: Channel[Report] = Channel(ours, Report)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once; whoever waits for its frames finds out."""
        self._process.kill()

    def end(self) -> None:
        """Ask it to end, and see to it that it does; at most a few seconds."""
        self.channel.try_send(Command(0, Shutdown()))
        self.reap()
        self.channel.close()

    release = end

    def discard(self) -> None:
        """Let go of it: it ends when it notices."""
        self.channel.close()
        self.reap()

    def reap(self) -> int:
        """Wait for its end, which comes by a kill where it doesn't by itself; the exit status."""
        try:
            return self._process.wait(_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def log_tail(self) -> str:
        """The last lines that it wrote; where it was in our own source is only in the log."""
        return last_lines(self.log_path, self._log_start)
