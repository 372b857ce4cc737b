"""What a picture cost the model: tokens of context, seconds in the vision tower, pixels it kept.

Read from the stats that are stored with an answer, which may come from another version: whatever is
not understood there is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from vlmtui import units


class Cost(msgspec.Struct, frozen=True):
    """What is known about one picture after a turn."""

    tokens: int = 0
    """Tokens of context that it takes; 0 where nobody said."""

    seconds: float = 0.0
    """Time in the vision tower when it was encoded last; 0 where nobody said."""

    reused: bool = False
    """In the last turn it came from a cache."""

    scaled_to: tuple[int, int] | None = None
    """Width and height that the model saw, where it was scaled down to fit the context."""

    trimmed: bool = False
    """The last prompt had no room for it: the model no longer sees it."""

    unseen: bool = False
    """The model of the last answer sees no pictures."""

    @property
    def absent(self) -> bool:
        """It wasn't part of what the last answer was given to."""
        return self.trimmed or self.unseen

    def words(self) -> list[str]:
        """The figures, each short enough for a line under a small picture."""
        if self.unseen:
            return ["not seen by this model"]
        if self.trimmed:
            return ["no longer seen by the model"]
        parts = []
        if self.tokens:
            parts.append(f"{units.count(self.tokens)} token" + ("s" if self.tokens != 1 else ""))
        if self.seconds > 0:
            parts.append(units.seconds(self.seconds))
        if self.reused:
            parts.append("in cache")
        if self.scaled_to is not None:
            parts.append("model sees {}×{}".format(*self.scaled_to))
        return parts


class _Entry(msgspec.Struct):
    """A picture in an answer's stats."""

    sha256: str
    tokens: int = 0
    seconds: float = 0.0
    reused: bool = False
    scaled_to: tuple[int, int] | None = None


class _Trimmed(msgspec.Struct):
    """What an answer's stats say about messages that didn't fit."""

    images: list[str] = []


def costs(
    stats: Mapping[str, Any] | None, earlier: Mapping[str, Cost] | None = None
) -> dict[str, Cost]:
    """What each picture cost, by its SHA-256, once an answer has these stats.

    Args:
        stats: Of an answer; None changes nothing.
        earlier: What was known before this answer.
    """
    known = dict(earlier or {})
    for entry in _entries((stats or {}).get("pictures")):
        before = known.get(entry.sha256, Cost())
        known[entry.sha256] = Cost(
            tokens=entry.tokens or before.tokens,
            # a later turn takes it from a cache: what it once took stays interesting
            seconds=before.seconds if entry.reused else entry.seconds,
            reused=entry.reused,
            scaled_to=entry.scaled_to,
        )
    for sha256 in _read((stats or {}).get("trimmed"), _Trimmed, _Trimmed()).images:
        known[sha256] = msgspec.structs.replace(known.get(sha256, Cost()), trimmed=True)
    for sha256 in _read((stats or {}).get("unseen"), list[str], []):
        known[sha256] = msgspec.structs.replace(known.get(sha256, Cost()), unseen=True)
    return known


def thread_costs(all_stats: Iterable[Mapping[str, Any] | None]) -> dict[str, Cost]:
    """What the pictures of a conversation cost, from the stats of its answers in their order."""
    known: dict[str, Cost] = {}
    for stats in all_stats:
        known = costs(stats, known)
    return known


def _entries(value: Any) -> list[_Entry]:
    if not isinstance(value, list):
        return []
    read = (_read(item, _Entry, None) for item in value)
    return [entry for entry in read if entry is not None]


def _read(value: Any, wanted: Any, otherwise: Any) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        return otherwise
