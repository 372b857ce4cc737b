"""What the user said, with the pictures above it."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.messages import Message, readable
from vlmtui.ui import units
from vlmtui.ui.costs import Cost
from vlmtui.ui.widgets.gallery import Gallery
from vlmtui.ui.widgets.message_block import MessageBlock, speaker

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
        & > .text {
            height: auto;
        }
    }
    """

    def __init__(
        self, message: Message, costs: Mapping[str, Cost] | None = None, *, version: str = ""
    ) -> None:
        super().__init__()
        self._version = version
        self._message = message
        self._costs = costs

    def compose(self) -> ComposeResult:
        """Name, pictures, text."""
        yield Static(speaker("you", self._version), classes="speaker")
        if images := self._message.images:
            yield Gallery(images, self._costs)
        if text := readable(self._message):
            yield Static(_shown(text), classes="text")


def _shown(text: str) -> Content:
    content = Content(printable.prose(text[:_MOST]))
    if left := max(len(text) - _MOST, 0):
        note = f"\n… {units.count(left)} more characters are not shown; copying takes all"
        content += Content.styled(note, "$warning")
    return content
