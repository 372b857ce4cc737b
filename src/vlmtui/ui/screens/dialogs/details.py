"""All that is known about one message, over the chat."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.commands.stats_commands import Details
from vlmtui.messages import Role
from vlmtui.stats.answer_stats import rows
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.dialog import Dialog

_LABEL_WIDTH = 16


class DetailsScreen(Dialog[None]):
    """A list of labels and values."""

    DEFAULT_CSS = """
    DetailsScreen {
        & > .frame {
            width: 72;
            padding: 0 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,i", "dismiss", "Close", id="details.close")
    ]

    def __init__(self, details: Details) -> None:
        super().__init__()
        self._details = details

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="frame") as panel:
            stored, thread = self._details.stored, self._details.thread
            panel.border_title = "Answer" if stored.message.role is Role.ASSISTANT else "Question"
            panel.border_subtitle = key_hints.line([("Esc", "close")], 20)
            lines = [_line(label, value) for label, value in rows(stored, thread)]
            yield Static(Content("\n").join(lines))


def _line(label: str, value: str) -> Content:
    return Content.assemble((f"{label:<{_LABEL_WIDTH}}", "$text-dim"), printable.line(value, 400))
