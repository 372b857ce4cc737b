"""Downloads of models that go on while one chats: begun, followed, stopped.

Each has a thread of its own, some at a time. What they come to is told as `State`s; no screen is
known here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from vlmtui.errors import VlmtuiError
from vlmtui.ui import units

if TYPE_CHECKING:
    from vlmtui.chat.shelf import Shelf
    from vlmtui.models.download import Event, Pull

AT_ONCE = 2
"""More would only share the line."""


class State(msgspec.Struct, frozen=True):
    """How far a download is."""

    name: str
    words: str = "waiting"
    doubt: str = ""
    """Why it may be for nothing; it waits until somebody agrees."""

    ended: bool = False
    error: VlmtuiError | None = None
    cancelled: bool = False


class Pulls:
    """All downloads since vlmtui began. May be used from any thread."""

    def __init__(self, open_shelf: Callable[[], Shelf], told: Callable[[State], object]) -> None:
        """Begin with none.

        Args:
            open_shelf: Makes what knows where models come from; called in threads.
            told: Called in a thread when something has changed.
        """
        self._open_shelf = open_shelf
        self._told = told
        self._jobs: dict[str, _Job] = {}
        self._places = threading.Semaphore(AT_ONCE)

    def start(self, name: str) -> bool:
        """Begin to fetch a model; False where that goes on already."""
        job = self._jobs.get(name)
        if job is not None and not job.state.ended:
            return False
        job = self._jobs[name] = _Job(name)
        threading.Thread(target=self._run, args=(job,), daemon=True).start()
        return True

    def agree(self, name: str) -> None:
        """Fetch it although it may be for nothing."""
        if name in self._jobs:
            self._jobs[name].decided.set()

    def cancel(self, name: str) -> bool:
        """Stop a download, what came is kept; False where there is none."""
        job = self._jobs.get(name)
        if job is None or job.state.ended:
            return False
        job.cancel()
        return True

    def close(self) -> None:
        """Stop all downloads; doesn't wait for them."""
        for name in list(self._jobs):
            self.cancel(name)

    @property
    def running(self) -> list[State]:
        """Those that have not ended, in the order of their beginning."""
        return [job.state for job in list(self._jobs.values()) if not job.state.ended]

    def _run(self, job: _Job) -> None:
        try:
            with self._places:
                self._follow(job)
        except VlmtuiError as error:
            self._tell(job, State(job.name, "failed", ended=True, error=error))
        except Exception as error:  # nobody would see the traceback, nor the end
            message = f"Internal error: {type(error).__name__}: {error}"
            told = VlmtuiError(message, "Please report it")
            self._tell(job, State(job.name, "failed", ended=True, error=told))

    def _follow(self, job: _Job) -> None:
        from vlmtui.models.download import Cancelled, Finished, Resolved

        shelf = self._open_shelf()
        pull = shelf.pull(job.name)
        job.begin(pull)
        for event in pull.run():
            match event:
                case Finished(name=name):
                    self._tell(job, State(name or job.name, "here", ended=True))
                case Cancelled():
                    self._tell(job, State(job.name, "stopped", ended=True, cancelled=True))
                case Resolved(plan=plan):
                    expected = shelf.expected(plan)
                    if expected.warns:
                        self._tell(job, State(job.name, "asks", doubt=expected.words))
                        job.decided.wait()
                case _:
                    if words := _words(event):
                        self._tell(job, State(job.name, words))

    def _tell(self, job: _Job, state: State) -> None:
        if state != job.state:
            job.state = state
            self._told(state)


class _Job:
    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State(name)
        self.decided = threading.Event()
        self._lock = threading.Lock()
        self._pull: Pull | None = None
        self._cancelled = False

    def begin(self, pull: Pull) -> None:
        with self._lock:
            self._pull = pull
            if self._cancelled:
                pull.cancel()

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._pull is not None:
                self._pull.cancel()
        self.decided.set()


def _words(event: Event) -> str:
    """An event in a few words: "42 % · 12 MB/s · 3 min 5 s"."""
    from vlmtui.models import download

    match event:
        case download.Progress(all_done=done, all_total=total, bytes_per_s=speed):
            parts = [units.percent(done / total) if total else units.size(done)]
            if speed:
                parts.append(f"{units.size(int(speed))}/s")
            if event.seconds_left is not None:
                parts.append(units.seconds(event.seconds_left))
            return " · ".join(parts)
        case download.Resolving():
            return "asking"
        case download.Waiting():
            return "waiting"
        case download.Verifying(done=done, total=total):
            return f"checking {units.percent(done / total)}" if total else "checking"
        case _:
            return ""
