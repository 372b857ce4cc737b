"""What a picture cost the model: tokens of context, seconds in the vision tower, pixels it kept.

Read from the stats of an answer, whose values `storage.stored_json` has checked; or
predicted by the loaded model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from vlmtui import units
from vlmtui.messages import ImagePart

if TYPE_CHECKING:
    from vlmtui.chat.session import ChatSession


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
        """The costs, each short enough for a line under a small picture."""
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


def costs(
    stats: Mapping[str, Any] | None, earlier: Mapping[str, Cost] | None = None
) -> dict[str, Cost]:
    """What each picture cost, by its SHA-256, once an answer has these stats.

    Without them, it is what was known earlier.
    """
    known = dict(earlier or {})
    told = stats or {}
    for entry in told.get("pictures", ()):
        before = known.get(entry["sha256"], Cost())
        reused, scaled_to = entry.get("reused", False), entry.get("scaled_to")
        known[entry["sha256"]] = Cost(
            tokens=entry.get("tokens") or before.tokens,
            # a later turn takes it from a cache: what it once took stays interesting
            seconds=before.seconds if reused else entry.get("seconds", 0.0),
            reused=reused,
            scaled_to=(scaled_to[0], scaled_to[1]) if scaled_to else None,
        )
    for sha256 in told.get("trimmed", {}).get("images", ()):
        known[sha256] = msgspec.structs.replace(known.get(sha256, Cost()), trimmed=True)
    for sha256 in told.get("unseen", ()):
        known[sha256] = msgspec.structs.replace(known.get(sha256, Cost()), unseen=True)
    return known


def thread_costs(all_stats: Iterable[Mapping[str, Any] | None]) -> dict[str, Cost]:
    """What the pictures of a conversation cost, from the stats of its answers in their order."""
    known: dict[str, Cost] = {}
    for stats in all_stats:
        known = costs(stats, known)
    return known


def predicted(session: ChatSession, images: Sequence[ImagePart], text: str = "") -> str:
    """What pictures are going to take of the context, in words; empty where nobody can tell now.

    The text is what is asked of them, as far as it is written. Raises `VlmtuiError` where the
    engine failed.
    """
    info = session.model.info
    tokens = session.measure(images, text) if info is not None and info.picture_tokens else ()
    if info is None or not tokens:
        return ""
    what = "" if len(tokens) == 1 else f"{len(tokens)} pictures, "
    return f"{what}{units.count(sum(tokens))} tokens of {units.count(info.context_size)}"
