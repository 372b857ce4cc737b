"""Two models' answers to one question, side by side, while they are being given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable, units
from vlmtui.errors import VlmtuiError
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.transcript.answer_block import Answer
from vlmtui.ui.widgets.transcript.notice import Notice

_QUESTION = 200
_HINTS = (("Tab", "other column"), ("Esc", "stop"))
_HINTS_AT_THE_END = (("Esc", "back"),)
_HINT_CELLS = 30


class CompareScreen(Dialog[None]):
    """A column for each model; whoever makes the comparison fills them."""

    DEFAULT_CSS = """
    CompareScreen {
        background: $background;

        & #compared-question {
            max-height: 2;
            margin: 0 0 1 0;
        }
        &.-wide #columns {
            layout: horizontal;
        }
        &.-wide .column.second {
            border-left: solid $border-blurred;
        }
        & .column VerticalScroll {
            padding: 0 1;
        }
        & .column .speaker {
            display: none;
        }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop, or back to the chat", id="compare.leave")
    ]

    def __init__(self, question: str, models: Sequence[str], stop: Callable[[], object]) -> None:
        super().__init__()
        self._question = question
        self._stop = stop
        self._columns = [
            ModelColumn(name, classes=f"column {'second' if number else 'first'}")
            for number, name in enumerate(models)
        ]
        self._going_on = True

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Heading("Two answers")
            question = Content(printable.line(self._question, _QUESTION))
            yield Static(question, id="compared-question", classes="status")
            with Container(id="columns"):
                yield from self._columns
            yield Static(key_hints.line(_HINTS, _HINT_CELLS), id="compared-keys", classes="status")

    def column(self, number: int) -> ModelColumn:
        return self._columns[number]

    def end(self) -> None:
        self._going_on = False
        self.query_one("#compared-keys", Static).update(
            Content("Both answers are in the chat; ←→ switch there · ")
            + key_hints.line(_HINTS_AT_THE_END, _HINT_CELLS)
        )

    def action_leave(self) -> None:
        """Stop what is going on, or else go back to the chat."""
        if self._going_on:
            self.query_one("#compared-keys", Static).update("Stopping…")
            self._stop()
        else:
            self.dismiss(None)


class ModelColumn(Vertical):
    """What one model does."""

    def __init__(self, model: str, *, classes: str) -> None:
        super().__init__(classes=classes)
        self._heading = Heading(model, "waits")
        self._answer = Answer(model)
        self._took = Static(classes="status")
        self._over = False

    def compose(self) -> ComposeResult:
        yield self._heading
        with VerticalScroll():
            yield self._answer
        yield self._took

    def phase(self, words: str) -> None:
        """Tell what it does now, until it has answered."""
        if not self._over:
            self._heading.note = words

    def append(self, text: str) -> None:
        self._answer.append(text)

    def finish(self, stored: StoredMessage) -> None:
        self._over = True
        self._heading.note = ""
        message = stored.message
        self._answer.finish(message.text, stored.status, stored.stats, message.thought)
        self.take(stored)

    def take(self, stored: StoredMessage) -> None:
        """Show what an answer took of the machine, as far as that is known now."""
        stats = stored.stats or {}
        parts = []
        if peak := stats.get("peak_memory_bytes"):
            parts.append(f"memory {units.size(peak)}")
        if peak := stats.get("peak_gpu_bytes"):
            parts.append(f"GPU memory {units.size(peak)}")
        if tokens := stats.get("prompt_tokens"):
            parts.append(f"prompt {units.count(tokens)} tokens")
        if tokens := stats.get("image_tokens"):
            parts.append(f"{units.count(tokens)} for pictures")
        self._took.update(Content(" · ".join(parts)))

    async def fail(self, error: VlmtuiError) -> None:
        """Tell why there is no answer, or only a part of one."""
        self._over = True
        self._heading.note = "failed"
        await self.query_one(VerticalScroll).mount(Notice(error.message, error.hint, error=True))
