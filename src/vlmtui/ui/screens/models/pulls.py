"""Downloads of models that go on while one chats: begun, followed, stopped.

Each has a thread of its own, some at a time. What they come to is told as `State`s; no screen is
known here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from vlmtui import units
from vlmtui.errors import AmbiguousFiles, VlmtuiError

if TYPE_CHECKING:
    from vlmtui.chat.shelf import Shelf
    from vlmtui.models.download import Event, Plan, Pull

AT_ONCE = 2
"""More would only share the line."""

NO_TOWER = "none"
"""In place of a vision tower: fetch none."""


class Candidate(msgspec.Struct, frozen=True):
    """One of several files that may be meant."""

    name: str
    size: int | None
    verdict: str | None = None
    """How the model would fit with it, in a word; None while that isn't known."""


class Question(msgspec.Struct, frozen=True):
    """What a download waits for somebody to decide."""

    doubt: str = ""
    """Why it may be for nothing."""

    role: str = ""
    """Of the files to choose from: "model" or "mmproj"."""

    candidates: tuple[Candidate, ...] = ()


class State(msgspec.Struct, frozen=True):
    """How far a download is."""

    name: str
    """What was wished for; at the end, what the model is called."""

    words: str = "waiting"
    question: Question | None = None
    """It waits for `Pulls.answer` or `cancel`."""

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

    def answer(self, name: str, file: str) -> None:
        """Go on with a download that asks.

        Args:
            name: Of the model.
            file: The one that is meant, or `NO_TOWER`; where it only asks whether to go on, any.
        """
        job = self._jobs.get(name)
        if job is not None and job.state.question is not None:
            self._tell(job, State(name))
            job.decide(file)

    def cancel(self, name: str) -> bool:
        """Stop a download, what came is kept; False where there is none."""
        job = self._jobs.get(name)
        if job is None or job.state.ended:
            return False
        # where its thread waits for a place or an answer, there is nothing to wait for
        self._tell(job, _stopped(job) if job.cancel() else State(name, "stopping"))
        return True

    def forget(self, name: str) -> bool:
        """Let a download that failed be told no longer; False where none has."""
        job = self._jobs.get(name)
        if job is None or job.state.error is None:
            return False
        del self._jobs[name]
        return True

    def close(self) -> None:
        """Stop all downloads; doesn't wait for them."""
        for name in list(self._jobs):
            self.cancel(name)

    @property
    def running(self) -> list[State]:
        """Those that have not ended, in the order of their beginning."""
        return [state for state in self._states() if not state.ended]

    @property
    def unfinished(self) -> list[State]:
        """The same, and those that failed and were not begun again."""
        return [state for state in self._states() if not state.ended or state.error is not None]

    def _states(self) -> list[State]:
        return [job.state for job in list(self._jobs.values())]

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
        """Fetch a model; again with the chosen file, where it asked which one."""
        shelf = self._open_shelf()
        while True:
            pull = shelf.pull(job.name, model=job.model, mmproj=job.mmproj)
            if not job.begin(pull):
                self._tell(job, _stopped(job))
                return
            try:
                self._fetch(job, shelf, pull)
                return
            except AmbiguousFiles as error:
                self._which(job, shelf, error)

    def _fetch(self, job: _Job, shelf: Shelf, pull: Pull) -> None:
        from vlmtui.models.download import Cancelled, Finished, Resolved

        for event in pull.run():
            match event:
                case Finished(name=name):
                    self._tell(job, State(name or job.name, "here", ended=True))
                case Cancelled():
                    self._tell(job, _stopped(job))
                case Resolved(plan=plan):
                    self._doubt(job, shelf, plan)
                case _:
                    if words := _words(event):
                        self._tell(job, State(job.name, words))

    def _doubt(self, job: _Job, shelf: Shelf, plan: Plan) -> None:
        """Ask about what is of no use here, unless all of it came before."""
        if all(file.present for file in plan.files) and plan.files:
            return
        expected = shelf.expected(plan)
        if expected.warns:
            self._ask(job, Question(doubt=expected.words))

    def _which(self, job: _Job, shelf: Shelf, error: AmbiguousFiles) -> None:
        """Ask which file is meant."""

        def question(verdicts: Sequence[str | None]) -> Question:
            files = zip(error.candidates, verdicts, strict=True)
            return Question("", error.role, tuple(Candidate(*file, word) for file, word in files))

        def judge() -> None:
            words = [""] * len(error.candidates)
            with suppress(Exception):  # the list is there without it, and nobody else would tell
                found = shelf.among(job.name, error, model=job.model, mmproj=job.mmproj)
                words = [outlook.word for outlook in found]
            with job.lock:
                if job.state.question == asked:
                    self._tell(job, State(job.name, "asks", question(words)))

        asked = question([None] * len(error.candidates))
        threading.Thread(target=judge, daemon=True).start()
        file = self._ask(job, asked)
        if error.role == "model":
            job.model = file
        else:
            job.mmproj = file

    def _ask(self, job: _Job, question: Question) -> str:
        """Wait for an answer, and let another download go on meanwhile; empty for no."""
        self._tell(job, State(job.name, "asks", question))
        self._places.release()
        try:
            return job.answer()
        finally:
            self._places.acquire()

    def _tell(self, job: _Job, state: State) -> None:
        with job.lock:
            if state != job.state and not job.state.ended:
                job.state = state
                self._told(state)


class _Job:
    def __init__(self, name: str) -> None:
        self.name = name
        self.model = self.mmproj = ""
        self.state = State(name)
        self.lock = threading.RLock()
        """Held while the state is changed and told: what is told last holds."""

        self._changed = threading.Condition()
        self._answer: str | None = None
        self._pull: Pull | None = None
        self._cancelled = self._asks = False

    def begin(self, pull: Pull) -> bool:
        """Note what fetches it; False where it is not wanted any more."""
        with self._changed:
            self._pull = pull
            return not self._cancelled

    def cancel(self) -> bool:
        """Have it end; True where nothing runs that would tell so."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
            if self._pull is not None:
                self._pull.cancel()
            return self._pull is None or self._asks

    def decide(self, answer: str) -> None:
        with self._changed:
            self._answer = answer
            self._changed.notify_all()

    def answer(self) -> str:
        """What is decided, once; empty when it is cancelled before."""
        with self._changed:
            self._asks = True
            self._changed.wait_for(lambda: self._cancelled or self._answer is not None)
            self._asks = False
            answer, self._answer = self._answer, None
            return answer or ""


def _stopped(job: _Job) -> State:
    return State(job.name, "stopped", ended=True, cancelled=True)


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
