"""Downloads told in lines: a line at each step, and now and then one that says how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from vlmtui import units
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.models.download import events
from vlmtui.models.download.states import Planned
from vlmtui.printable import line

_LONGEST = 300
"""Characters of what was asked for."""

_LINE_EVERY_S = 10.0


class PullLines:
    """A line now and then."""

    def __init__(self, wanted: Sequence[str], say: Callable[[str], object]) -> None:
        """Prepare; `wanted` is what is fetched, as the user calls it, and `say` prints a line."""
        self._wanted = wanted
        self._say = say
        self._told: dict[tuple[int, str], tuple[float, int]] = {}

    def show(self, number: int, event: events.Event) -> None:
        """Tell an event of the wanted one of this number."""
        match event:
            case events.Resolving(wanted=wanted):
                self._say(f"{line(wanted, _LONGEST)}: looking it up")
            case events.Waiting(reason=reason, seconds=seconds):
                self._say(f"{self._name(number)}: {waiting(reason, seconds)}")
            case events.Restarted(file=file, reason=reason):
                self._say(f"{line(file)}: starting over, {line(reason)}")
            case events.Started(file=file, done=done, total=total):
                here = f", {units.size(done)} are here already" if done else ""
                self._say(f"{line(file)}: {units.size(total)}{here}")
            case events.Progress(file=file, done=done, total=total):
                told, tenth = f"{line(file)}: {far(event)}", done * 10 // total if total else 0
                self._now_and_then((number, file), tenth, told, first=False)
            case events.Verifying(file=file, done=0):
                self._say(f"{line(file)}: comparing its hash")
            case events.Importing(fraction=fraction, seconds_left=left):
                told = f"{self._name(number)}: {made(fraction, left)}"
                self._now_and_then((number, ""), int(fraction * 10), told, first=True)
            case events.Ready(file=file):
                self._say(f"{line(file)}: here")
            case _:
                pass

    def plan(self, number: int, plan: events.Plan, expected: FitVerdict) -> None:
        came = plan.size - plan.missing
        here = f", {units.size(came)} of it are here" if came > 0 else ""
        where = f" from {plan.repository}" if plan.repository else ""
        terms = f", licence {plan.licence}" if plan.licence else ""
        self._say(line(f"{plan.name}{where}: {units.size(plan.size)}{here}{terms}"))
        for file in plan.files:
            self._say(f"  {units.size(file.size):>8}  {line(file.name)}")
        told = expected.words
        if expected.problem is not None:
            unknown = "it can't be loaded" if expected.warns else "whether it fits isn't known"
            told = f"{unknown}: {told}"
        self._say(f"  {line(told)}.")

    def _name(self, number: int) -> str:
        return line(self._wanted[number])

    def _now_and_then(self, key: tuple[int, str], step: int, told: str, *, first: bool) -> None:
        """Tell how far something is, at each tenth and after some seconds; also the first time."""
        now = time.monotonic()
        before, last = self._told.setdefault(key, (now, -1 if first else step))
        if step > last or now - before >= _LINE_EVERY_S:
            self._told[key] = (now, step)
            self._say(told)


def made(fraction: float, left: float | None) -> str:
    """How far an import is: "importing, 45 %, 1 min 35 s left"."""
    soon = f", {units.duration(left)} left" if left is not None else ""
    return f"importing, {units.percent(fraction)}{soon}"


def fit_verdict_of(planned: Planned) -> FitVerdict:
    """What is to be expected of a planned download, for `PullLines.plan`."""
    if isinstance(planned.expected, FitVerdict):
        return planned.expected
    return FitVerdict(words="all of it is here already")


def far(event: events.Progress, *, short: bool = False) -> str:
    """How far a file is: "45 %, 1.9 of 4.1 GB, 23.4 MB/s, 1 min 35 s left"."""
    if not event.total:
        rate = f", {event.bytes_per_s / 1e6:.1f} MB/s" if event.bytes_per_s else ""
        return f"{units.size(event.done)}{rate}"
    far = f"{event.done * 100 // event.total} %"
    if not short:
        far = f"{far}, {units.size(event.done)} of {units.size(event.total)}"
    if event.bytes_per_s:
        far += f", {event.bytes_per_s / 1e6:.1f} MB/s"
    if event.seconds_left is not None:
        far += f", {units.duration(event.seconds_left)} left"
    return far


def waiting(reason: str, seconds: float | None) -> str:
    """What it waits for: "no connection, again in 8 s"."""
    again = f", again in {units.duration(seconds)}" if seconds and seconds >= 1 else ""
    return line(f"{reason}{again}")
