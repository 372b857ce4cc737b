"""The places of a transcript: messages, notices, and marks between them.

They hold what their widgets are made from, since these come and go with the view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from vlmtui.messages import Role
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.widgets.transcript.column_entry import Entry
from vlmtui.ui.widgets.transcript.wrapped_rows import MOST_SHOWN, wrapped_rows

if TYPE_CHECKING:  # the widgets are imported when the first of them is built, after the first paint
    from vlmtui.stats.image_costs import Cost
    from vlmtui.ui.widgets.transcript.answer_block import Answer
    from vlmtui.ui.widgets.transcript.notice import ModelMark, Notice
    from vlmtui.ui.widgets.transcript.question_block import Question

_FRAME = 3
"""Columns beside the text of a message: its bar and the space on both sides."""


class MessageEntry(Entry):
    """A place for a stored message.

    Attributes:
        stored: The message; while it is being written, as it was when that began.
        words: Beginnings of words that are marked in it.
    """

    def __init__(self, stored: StoredMessage, costs: Mapping[str, Cost]) -> None:
        super().__init__(self._build, self._rows)
        self.stored = stored
        self.words: tuple[str, ...] = ()
        self._costs = costs

    @property
    def text(self) -> str:
        """What it says now, which may be more than was stored."""
        return self.answer.text if self.answer is not None else self.stored.message.text

    @property
    def block(self) -> Question | Answer | None:
        """Its widget, while that is there."""
        return cast("Question | Answer | None", self.widget)

    @property
    def answer(self) -> Answer | None:
        """Its widget, while that is there, unless the message is a question."""
        return None if self._asks else cast("Answer | None", self.widget)

    @property
    def _asks(self) -> bool:
        return self.stored.message.role is Role.USER

    def mark(self, words: Sequence[str]) -> None:
        """Mark words in it, now and whenever its widget is made again."""
        self.words = tuple(words)
        if self.block is not None:
            self.block.mark(self.words)

    def first_mark(self) -> int | None:
        """The row of the message with the first marked word, if its widget is there."""
        return self.block.first_mark() if self.block is not None else None

    def _build(self) -> Question | Answer:
        widget = self._message()
        widget.mark(self.words)
        return widget

    def _message(self) -> Question | Answer:
        stored = self.stored
        place = f"{stored.sibling}/{stored.siblings}" if stored.siblings > 1 else ""
        if self._asks:
            from vlmtui.ui.widgets.transcript.question_block import Question

            return Question(stored.message, self._costs, version=place)
        from vlmtui.ui.widgets.transcript.answer_block import Answer

        answer = Answer(
            stored.model or "",
            stored.message.text,
            version=place,
            thought=stored.message.thought,
            stats=stored.stats,
        )
        answer.describe(stored.status, stored.stats)
        return answer

    def _rows(self, width: int) -> int:
        message = self.stored.message
        rows = 2 + wrapped_rows(message.text[:MOST_SHOWN], max(width - _FRAME, 1))
        if message.images:
            rows += 12
        if message.thought:
            rows += 1
        if message.role is Role.ASSISTANT and self.stored.stats:
            rows += 1
        return rows


class MarkEntry(Entry):
    """A place for a rule between two models.

    Attributes:
        models: Who answered before, and who answers now.
    """

    def __init__(self, before: str, after: str) -> None:
        super().__init__(self._build, lambda _: 2)
        self.models = (before, after)

    def _build(self) -> ModelMark:
        from vlmtui.ui.widgets.transcript.notice import ModelMark

        return ModelMark(*self.models)


def notice_entry(*texts: str, error: bool, asked: bool = False) -> Entry:
    """A place for a notice with these texts, see `Notice`."""

    def build() -> Notice:
        from vlmtui.ui.widgets.transcript.notice import Notice

        return Notice(*texts, error=error, asked=asked)

    def rows(width: int) -> int:
        return 1 + sum(wrapped_rows(text, max(width - _FRAME, 1)) for text in texts if text)

    return Entry(build, rows)
