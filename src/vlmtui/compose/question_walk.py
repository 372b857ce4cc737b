"""A walk through what was asked before: back with every step, and forth again to where it began.

Knows the questions that it was given; whoever walks fetches more when they run out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlmtui.messages import Message

if TYPE_CHECKING:
    from vlmtui.storage.prompts import Asked  # brings the database


class History:
    """Questions, the last one first. The same one twice in a row counts once."""

    def __init__(self, typed: str = "") -> None:
        """Begin a walk; forth, it ends with what stood in the composer."""
        self.typed = typed
        self._asked: list[Asked] = []
        self._at = -1
        self.complete = False

    @property
    def oldest(self) -> int | None:
        """Id of the oldest question that is known."""
        return self._asked[-1].message_id if self._asked else None

    def extend(self, asked: Sequence[Asked], *, complete: bool) -> None:
        """Take older questions, the last one first; `complete` when there are none before these."""
        self._asked += asked
        self.complete = complete

    def older(self) -> Message | None:
        """The question before; None when none is known."""
        shown = self._asked[self._at].message if self._at >= 0 else None
        for index in range(self._at + 1, len(self._asked)):
            if self._asked[index].message != shown:
                self._at = index
                return self._asked[index].message
        return None

    def newer(self) -> Message | str:
        """The question after, or at the end what was typed."""
        shown = self._asked[self._at].message if self._at >= 0 else None
        for index in range(self._at - 1, -1, -1):
            if self._asked[index].message != shown:
                self._at = index
                return self._asked[index].message
        self._at = -1
        return self.typed
