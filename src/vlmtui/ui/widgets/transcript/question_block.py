"""What the user said, with the pictures above it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable, units
from vlmtui.messages import Message, readable
from vlmtui.stats.image_costs import Cost
from vlmtui.ui import marks
from vlmtui.ui.widgets.pictures.gallery import Gallery
from vlmtui.ui.widgets.transcript.message_block import MessageBlock, speaker
from vlmtui.ui.widgets.transcript.wrapped_rows import wrapped_rows

_MOST = 50_000
"""Characters of a question that are shown."""


class Question(MessageBlock):
    """A message of the user."""

    DEFAULT_CSS = """
    Question {
        border-left: outer $user-bar;

        & > .speaker {
            color: $user-bar;
            text-style: bold;
        }
        & > Gallery {
            margin: 0 0 1 0;
        }
    }
    """

    def __init__(
        self, message: Message, costs: Mapping[str, Cost] | None = None, *, version: str = ""
    ) -> None:
        super().__init__()
        self._version = version
        self._message = message
        self._shown = Content("")
        self._text: Static | None = None
        self._marks: re.Pattern[str] | None = None
        self._costs = costs

    def compose(self) -> ComposeResult:
        yield Static(speaker("you", self._version), classes="speaker")
        if images := self._message.images:
            yield Gallery(images, self._costs)
        if text := readable(self._message):
            self._shown = _shown(text)
            self._text = Static(marks.marked(self._shown, self._marks), classes="text")
            yield self._text

    def mark(self, words: Sequence[str]) -> None:
        self._marks = marks.pattern(words)
        if self._text is not None:
            self._text.update(marks.marked(self._shown, self._marks))

    def first_mark(self) -> int | None:
        """The row with the first marked word; about, where lines are wrapped."""
        match = self._marks.search(self._shown.plain) if self._marks is not None else None
        if match is None or self._text is None:
            return None
        before = wrapped_rows(self._shown.plain[: match.start()], max(self._text.size.width, 1))
        return self._text.region.y - self.region.y + before - 1


def _shown(text: str) -> Content:
    content = Content(printable.prose(text[:_MOST]))
    if left := max(len(text) - _MOST, 0):
        note = f"\n… {units.count(left)} more characters are not shown; copying takes all"
        content += Content.styled(note, "$warning")
    return content
