"""The downloads of a program: some at a time, each told of, asked about before its first byte.

Screen, lines and command line all fetch models with `Pulls`, and only show what it says.
Each download has a thread of its own. Where one may be for nothing, or several files may be meant,
it asks, and lets others go on while it waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from vlmtui import crash_log
from vlmtui.errors import AmbiguousFiles, VlmtuiError
from vlmtui.models.download.events import Cancelled, Event, Finished, Plan, Resolved
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.states import (
    Candidate,
    Expected,
    Planned,
    Question,
    State,
    Told,
    words_of,
)

AT_ONCE = 2
"""More would only share the bandwidth."""


class AvailableModels(Protocol):
    """Where models come from, and whether they would fit."""

    def pull(self, wanted: str, *, model: str = "", mmproj: str = "") -> Pull:
        """What fetches a model."""

    def expected(self, plan: Plan) -> Expected:
        """Whether what would be fetched is of use; asks the network."""

    def among(
        self, wanted: str, error: AmbiguousFiles, *, model: str = "", mmproj: str = ""
    ) -> Sequence[Expected]:
        """The same for each of several files."""


class Pulls:
    """All downloads of a program. May be used from any thread."""

    def __init__(
        self,
        open_available_models: Callable[[], AvailableModels],
        told: Callable[[Told], object] | None = None,
        *,
        held: bool = False,
    ) -> None:
        """Begin with none; where models come from is opened in threads.

        `told` is called in a thread when something has happened; without it, see `follow`. With
        `held`, each waits for `answer` before its first byte, also where there is no doubt.
        """
        self._open_available_models = open_available_models
        self._queue: SimpleQueue[Told] = SimpleQueue()
        self._told = told or self._queue.put
        self._held = held
        self._jobs: dict[str, _Job] = {}
        self._places = threading.Semaphore(AT_ONCE)
        self._followed = 0
        """Downloads whose end `follow` has not told."""

    def start(self, name: str, mmproj: str = "") -> bool:
        """Begin to fetch a model, named as for `Pull`; False where that goes on already."""
        job = self._jobs.get(name)
        if job is not None and not job.state.ended:
            return False
        job = self._jobs[name] = _Job(name, mmproj)
        self._followed += 1
        threading.Thread(target=self._run, args=(job,), daemon=True).start()
        return True

    def answer(self, name: str, file: str = "") -> None:
        """Go on with a download that asks: with the file that is meant, or `NO_TOWER`.

        Where it only asks whether to go on, any will do.
        """
        job = self._jobs.get(name)
        if job is not None and job.state.question is not None:
            self._tell(job, State(name))
            job.decide(file)

    def cancel(self, name: str, error: VlmtuiError | None = None) -> bool:
        """Stop a download, what came is kept; False where there is none.

        `error` says why; None where that is just what somebody wants.
        """
        job = self._jobs.get(name)
        if job is None or job.state.ended:
            return False
        # where its thread waits for a place or an answer, there is nothing to wait for
        if job.cancel():
            self._tell(job, _stopped(job) if error is None else _failed(job, error))
        else:
            self._tell(job, State(name, "stopping"))
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

    def follow(self, seconds: float | None = None) -> Iterator[Told]:
        """All that happens, until every download has ended, or some seconds have passed."""
        end = None if seconds is None else time.monotonic() + seconds
        while self._followed:
            try:
                left = None if end is None else max(0.0, end - time.monotonic())
                told = self._queue.get(timeout=left)
            except Empty:
                return
            self._followed -= told.state.ended
            yield told

    @property
    def running(self) -> list[State]:
        """Those that have not ended, in the order of their beginning."""
        return [state for state in self._states() if not state.ended]

    @property
    def unfinished(self) -> list[State]:
        """The same, and those that failed and were not begun again."""
        return [state for state in self._states() if not state.ended or state.error is not None]

    def again(self, name: str) -> str:
        """The name that goes on with a download, without what it has asked already."""
        job = self._jobs[name]
        if job.plan is None or not job.model:
            return name
        revision = "" if job.plan.revision == "main" else f"@{job.plan.revision}"
        return f"hf:{job.plan.repository}{revision}:{job.model}"

    def _states(self) -> list[State]:
        return [job.state for job in list(self._jobs.values())]

    def _run(self, job: _Job) -> None:
        try:
            with self._places:
                self._follow(job)
        except Exception as error:  # nobody would see the traceback, nor the end
            self._tell(job, _failed(job, crash_log.recorded(error)))

    def _follow(self, job: _Job) -> None:
        """Fetch a model; again with the chosen file, where it asked which one."""
        available_models = self._open_available_models()
        while True:
            pull = available_models.pull(job.name, model=job.model, mmproj=job.mmproj)
            if not job.begin(pull):
                self._tell(job, _stopped(job))
                return
            try:
                self._fetch(job, available_models, pull)
                return
            except AmbiguousFiles as error:
                self._which(job, available_models, error)

    def _fetch(self, job: _Job, available_models: AvailableModels, pull: Pull) -> None:
        for event in pull.run():
            match event:
                case Finished(name=name):
                    self._tell(job, State(name or job.name, "here", ended=True), event)
                case Cancelled():
                    self._tell(job, _stopped(job), event)
                case Resolved(plan=plan):
                    job.plan = plan
                    self._consider(job, available_models, plan)
                case _:
                    self._tell(job, State(job.name, words_of(event) or job.state.words), event)

    def _consider(self, job: _Job, available_models: AvailableModels, plan: Plan) -> None:
        """Ask about what is of no use here, unless all of it came before."""
        here = all(file.present for file in plan.files) and plan.files
        with job.nothing_runs():  # a server may go silent when its header is read
            expected = None if here else available_models.expected(plan)
        doubt = expected.words if expected is not None and expected.warns else ""
        if self._held or doubt:
            self._ask(job, Question(doubt), Planned(plan, expected))
        else:
            self._tell(job, job.state, Planned(plan, expected))

    def _which(self, job: _Job, available_models: AvailableModels, error: AmbiguousFiles) -> None:
        def question(verdicts: Sequence[str | None]) -> Question:
            files = zip(error.candidates, verdicts, strict=True)
            candidates = tuple(Candidate(*file, word) for file, word in files)
            return Question("", error.role, candidates, error)

        def judge() -> None:
            words = [""] * len(error.candidates)
            with suppress(Exception):  # the list is there without it, and nobody else would tell
                found = available_models.among(job.name, error, model=job.model, mmproj=job.mmproj)
                words = [each.word for each in found]
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

    def _ask(self, job: _Job, question: Question, event: Planned | None = None) -> str:
        """Wait for an answer, and let another download go on meanwhile; empty for no."""
        with job.nothing_runs():  # from before it is told: who refuses at once gives the reason
            self._tell(job, State(job.name, "asks", question), event)
            self._places.release()
            try:
                return job.answer()
            finally:
                self._places.acquire()

    def _tell(self, job: _Job, state: State, event: Event | Planned | None = None) -> None:
        with job.lock:
            if (state != job.state or event is not None) and not job.state.ended:
                job.state = state
                self._told(Told(job.name, state, event))


class _Job:
    def __init__(self, name: str, mmproj: str) -> None:
        self.name = name
        self.model = ""
        self.mmproj = mmproj
        self.plan: Plan | None = None
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

    @contextmanager
    def nothing_runs(self) -> Iterator[None]:
        """While nothing is fetched or written, so that who stops it waits for nothing."""
        with self._changed:
            self._asks = True
        try:
            yield
        finally:
            with self._changed:
                self._asks = False

    def decide(self, answer: str) -> None:
        with self._changed:
            self._answer = answer
            self._changed.notify_all()

    def answer(self) -> str:
        """What is decided, once; empty when it is cancelled before."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._answer is not None)
            answer, self._answer = self._answer, None
            return answer or ""


def _stopped(job: _Job) -> State:
    return State(job.name, "stopped", ended=True, cancelled=True)


def _failed(job: _Job, error: VlmtuiError) -> State:
    return State(job.name, "failed", ended=True, error=error)
