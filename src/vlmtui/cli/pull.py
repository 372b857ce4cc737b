"""`vlmtui models pull`: what is fetched, whether it fits, and how far it is."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import click

from vlmtui import units
from vlmtui.chat import pulling
from vlmtui.chat.choice import choices, fitting
from vlmtui.chat.fitting import this_machine
from vlmtui.chat.outlook import Outlook
from vlmtui.cli.pull_display import Display, display
from vlmtui.endings import INTERRUPTED, ended_by_signals
from vlmtui.errors import AmbiguousFiles, DoesNotFit, VlmtuiError
from vlmtui.models import library
from vlmtui.models.download import Cancelled, Event, Finished, Plan, Pull, Resolved
from vlmtui.printable import line
from vlmtui.settings import load_settings

_AT_ONCE = 3
_ENDS_WITHIN_S = 20.0


class _Refused(Exception):
    """Somebody said no."""


class _Job:
    """One of the models, on its way."""

    def __init__(self, wanted: str, mmproj: str) -> None:
        self.wanted = wanted
        self.mmproj = mmproj
        self.model = ""
        self.pull: Pull | None = None
        self.events: Iterator[Event] = iter(())
        self.plan: Plan | None = None
        self.finished: Finished | None = None
        self.cancelled: Cancelled | None = None
        self.code = 0

    def again(self) -> str:
        """The argument that goes on with it, without the same questions."""
        if self.plan is None or not self.model:
            return self.wanted
        revision = "" if self.plan.revision == "main" else f"@{self.plan.revision}"
        return f"hf:{self.plan.repository}{revision}:{self.model}"


def pull_models(
    wanted: tuple[str, ...], mmproj: str, *, yes: bool, dry_run: bool, as_json: bool
) -> int:
    """Download models.

    Returns:
        The exit code: that of the first that failed.
    """
    jobs = [_Job(each, mmproj) for each in wanted]
    shown = display([job.wanted for job in jobs], as_json=as_json)
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    with ended_by_signals():
        try:
            for number, job in enumerate(jobs):
                _attempt(job, shown, number, lambda job=job, number=number: _resolve(  # type: ignore[misc]
                    job, number, shown, yes=yes, asks=asks
                ))  # fmt: skip
            if not dry_run:
                _fetch(jobs, shown)
        except (KeyboardInterrupt, SystemExit) as told:
            shown.close()
            shown.kept(_again([job for job in jobs if not job.finished and not job.code]))
            if isinstance(told, SystemExit):
                raise
            return INTERRUPTED
        finally:
            shown.close()
    for job in jobs:
        if job.finished is not None:
            shown.result(job.wanted, job.finished, _name(job))
    return next((job.code for job in jobs if job.code), 0)


def _again(jobs: list[_Job]) -> list[str]:
    """The arguments that go on with downloads."""
    towers = {job.mmproj for job in jobs}
    tower = towers.pop() if len(towers) == 1 else ""
    return [job.again() for job in jobs] + (["--mmproj", tower] if tower else [])


def _attempt(job: _Job, shown: Display, number: int, work: Callable[[], None]) -> None:
    """Do something for one model; that it fails must not keep the others back."""
    try:
        work()
    except _Refused:
        job.code = DoesNotFit.exit_code
    except VlmtuiError as error:
        job.code = error.exit_code
        shown.failed(number, error)


def _resolve(job: _Job, number: int, shown: Display, *, yes: bool, asks: bool) -> None:
    """Find out what is to be fetched, and whether it is of use; asks where that is open."""
    while job.plan is None and job.finished is None:
        job.pull = Pull(job.wanted, model=job.model, mmproj=job.mmproj)
        job.events = job.pull.run()
        try:
            for event in job.events:
                shown.show(number, event)
                if isinstance(event, Finished):
                    job.finished = event
                if isinstance(event, Resolved):
                    job.plan = event.plan
                    break
        except AmbiguousFiles as error:
            if not asks:
                raise
            _choose(job, error)
    if job.plan is None:
        return
    if all(file.present for file in job.plan.files):
        shown.plan(number, job.plan, Outlook(words="all of it is here already"))
        return
    expected = pulling.expected(job.plan, load_settings(), this_machine())
    shown.plan(number, job.plan, expected)
    if expected.warns and not yes:
        _ask(job.plan, expected, asks=asks)


def _choose(job: _Job, error: AmbiguousFiles) -> None:
    """Let the user choose one of several files."""
    click.echo(f"{line(error.message)}:", err=True)
    wish = pulling.Wish(job.wanted, job.model, job.mmproj)
    verdicts = [each.word for each in pulling.among(wish, error, load_settings(), this_machine())]
    for number, (name, size) in enumerate(error.candidates, 1):
        word = verdicts[number - 1]
        row = f"  {number:>3}  {units.size(size):>8}  {word:<8} {line(name)}"
        click.echo(row, err=True)
    last = len(error.candidates)
    if error.role == "mmproj":
        last += 1
        click.echo(f"  {last:>3}  {'':>8}  {'':<8} none: text only", err=True)
    chosen = click.prompt("Which one?", type=click.IntRange(1, last), err=True)
    name = "none" if chosen > len(error.candidates) else error.candidates[chosen - 1][0]
    if error.role == "model":
        job.model = name
    else:
        job.mmproj = name


def _ask(plan: Plan, expected: Outlook, *, asks: bool) -> None:
    if not asks:
        why = expected.problem.hint if expected.problem is not None else _instead()
        hint = f"Nothing was fetched; --yes fetches it all the same. {why}".strip()
        raise DoesNotFit(f"{plan.name}: {expected.words}", hint)
    if not click.confirm("Fetch it all the same?", err=True):
        click.echo("Nothing was fetched.", err=True)
        raise _Refused


def _instead() -> str:
    """A model of the catalogue that would fit, in words."""
    for choice in fitting(choices(load_settings()).elsewhere):
        return f"{choice.name} would fit."
    return ""


# ----------------------------------------------------------------------------------------- fetching


def _fetch(jobs: list[_Job], shown: Display) -> None:
    """Run the downloads, some at a time, and show how far they are."""
    told: queue.SimpleQueue[tuple[int, Event | VlmtuiError | None]] = queue.SimpleQueue()
    places = threading.Semaphore(_AT_ONCE)
    todo = [
        (number, job)
        for number, job in enumerate(jobs)
        if job.plan is not None and not job.code and job.finished is None
    ]
    threads = [
        threading.Thread(target=_run, args=(number, job, places, told), daemon=True)
        for number, job in todo
    ]
    for thread in threads:
        thread.start()
    try:
        running = len(threads)
        while running:
            number, event = told.get()
            running -= _note(jobs[number], number, event, shown)
    except BaseException:
        for _, job in todo:
            if job.pull is not None:
                job.pull.cancel()
        for thread in threads:
            thread.join(_ENDS_WITHIN_S)
        with suppress(queue.Empty):
            while True:
                number, event = told.get_nowait()
                _note(jobs[number], number, event, shown)
        raise


def _note(job: _Job, number: int, event: Event | VlmtuiError | None, shown: Display) -> int:
    """Take in what a thread says. Returns 1 when that was its last word."""
    if event is None:
        return 1
    if isinstance(event, VlmtuiError):
        job.code = event.exit_code
        shown.failed(number, event)
        return 0
    if isinstance(event, Finished):
        job.finished = event
    elif isinstance(event, Cancelled):
        job.cancelled = event
    shown.show(number, event)
    return 0


def _run(
    number: int,
    job: _Job,
    places: threading.Semaphore,
    told: queue.SimpleQueue[tuple[int, Event | VlmtuiError | None]],
) -> None:
    try:
        with places:
            for event in job.events:
                told.put((number, event))
    except VlmtuiError as error:
        told.put((number, error))
    except Exception as error:  # a thread's traceback would run over the bars
        message = f"Internal error: {type(error).__name__}: {error}"
        told.put((number, VlmtuiError(message, "Please report it.")))
    finally:
        told.put((number, None))


def _name(job: _Job) -> str:
    """What the model is called now that it is here."""
    assert job.finished is not None
    try:
        for model in library.installed():
            if model.path in job.finished.paths:
                return model.name
    except VlmtuiError:
        pass
    return job.finished.name
