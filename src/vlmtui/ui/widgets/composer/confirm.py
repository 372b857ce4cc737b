"""A question that is answered with yes or no, on a line above the composer."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable


class Confirm(Horizontal, can_focus=True):
    """Has the focus until it is answered, so that no letter of a text is taken for an answer.

    Attributes:
        answer: Is given once.
    """

    DEFAULT_CSS = """
    Confirm {
        height: auto;
        max-height: 4;
        margin: 0 1;
        padding: 0 1;
        background: $surface;

        & > .question {
            width: 1fr;
        }
        & > .answer {
            width: auto;
            margin: 0 0 0 2;
            background: $primary 25%;

            &:hover {
                background: $primary;
                color: $background;
            }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def compose(self) -> ComposeResult:
        yield Static(Content(printable.line(self._question)), classes="question")
        yield Static(Content(" Yes (y) "), classes="answer", id="yes")
        yield Static(Content(" No (n) "), classes="answer", id="no")

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id in ("yes", "no"):
            self.action_answer(event.widget.id == "yes")

    def action_answer(self, yes: bool) -> None:
        if not self.answer.done():
            self.can_focus = False
            self.remove()
            self.answer.set_result(yes)
