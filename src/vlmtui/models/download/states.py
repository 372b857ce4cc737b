"""What the downloads of a program tell and ask. Values only."""

from __future__ import annotations

from typing import Protocol

import msgspec

from vlmtui import units
from vlmtui.errors import AmbiguousFiles, VlmtuiError
from vlmtui.models.download.events import (
    Event,
    Importing,
    Plan,
    Progress,
    Resolving,
    Verifying,
    Waiting,
)
from vlmtui.net import addresses


class Expected(Protocol):
    """Whether a model is of use on this machine, as `chat.fit_verdict` says."""

    @property
    def words(self) -> str:
        """A sentence without a full stop."""

    @property
    def word(self) -> str:
        """The same in a word."""

    @property
    def warns(self) -> bool:
        """It is of no use: one should ask first."""


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
    error: AmbiguousFiles | None = None
    """The same as an error, for those who can't ask."""

    @property
    def judged(self) -> bool:
        """Whether it is known of each file how it would fit."""
        return all(each.verdict is not None for each in self.candidates)


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

    @property
    def shown(self) -> str:
        """The name, without what an address keeps secret."""
        return addresses.shown(self.name)


class Planned(msgspec.Struct, frozen=True):
    """It is known what will be fetched, and whether it is of use; see `Told`."""

    plan: Plan
    expected: Expected | None
    """None where all of it is here already."""


class Told(msgspec.Struct, frozen=True):
    """Something that happened to a download."""

    wanted: str
    """Which one, by what was wished for."""

    state: State
    event: Event | Planned | None = None
    """What it is about, unless only the state has changed."""


def words_of(event: Event) -> str:
    """An event in a few words: "42 % · 12 MB/s · 3 min 5 s"; empty for one that changes little."""
    match event:
        case Progress(all_done=done, all_total=total, bytes_per_s=speed):
            parts = [units.percent(done / total) if total else units.size(done)]
            if speed:
                parts.append(f"{units.size(int(speed))}/s")
            if event.seconds_left is not None:
                parts.append(units.seconds(event.seconds_left))
            return " · ".join(parts)
        case Resolving():
            return "asking"
        case Waiting():
            return "waiting"
        case Importing(fraction=fraction, seconds_left=left):
            soon = f" · {units.seconds(left)}" if left is not None else ""
            return f"importing {units.percent(fraction)}{soon}"
        case Verifying(done=done, total=total):
            return f"checking {units.percent(done / total)}" if total else "checking"
        case _:
            return ""
