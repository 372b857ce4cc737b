"""The conversation from top to bottom, which follows its end while the reader is there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui.messages import Role
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.figures import Figures
from vlmtui.ui.widgets.answer import Answer
from vlmtui.ui.widgets.notice import Notice
from vlmtui.ui.widgets.question import Question
from vlmtui.ui.widgets.welcome import Welcome


class Transcript(VerticalScroll):
    """Messages and notices. Can be scrolled with the keyboard when it has the focus."""

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        padding: 1 1 0 1;
        scrollbar-size-vertical: 1;

        & > #conversation {
            height: auto;
            min-height: 100%;
        }
    }
    """

    figures: reactive[Figures] = reactive(Figures())
    sample: reactive[Path | None] = reactive[Path | None](None)

    def __init__(self) -> None:
        super().__init__()
        # at least as high as the pane: an anchored container scrolls shorter content out of place
        self._column = Vertical(id="conversation")

    class Typed(Message):
        """A character was typed while the transcript had the focus."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    def compose(self) -> ComposeResult:
        """The welcome, shown while there is nothing else."""
        with self._column:
            yield Welcome().data_bind(Transcript.figures, Transcript.sample)

    def on_mount(self) -> None:
        """Stay at the end from the beginning."""
        self.anchor()

    async def show(self, thread: Iterable[StoredMessage]) -> None:
        """Show another conversation; an empty one shows the welcome."""
        widgets: list[Widget] = []
        for stored in thread:
            widgets.extend(_widgets(stored))
        with self.app.batch_update():
            await self._column.remove_children("Question, Answer, Notice")
            self.query_one(Welcome).display = not widgets
            await self._column.mount_all(widgets)
        self.anchor()

    async def ask(self, stored: StoredMessage) -> None:
        """Add a question, and go to the end to see what comes."""
        self.query_one(Welcome).display = False
        await self._column.mount(Question(stored.message))
        self.anchor()

    async def begin_answer(self, model: str) -> Answer:
        """Add an answer that will grow."""
        answer = Answer(model)
        await self._column.mount(answer)
        return answer

    async def tell(self, message: str, hint: str = "", details: str = "", *, error: bool) -> None:
        """Add a notice."""
        self.query_one(Welcome).display = False
        await self._column.mount(Notice(message, hint, details, error=error))

    async def drop_last_answer(self) -> None:
        """Take the last answer away, with what was said after it."""
        children = list(self._column.children)
        last = max(
            (i for i, child in enumerate(children) if isinstance(child, Question)), default=None
        )
        if last is not None:
            await self._column.remove_children(children[last + 1 :])

    def on_key(self, event: events.Key) -> None:
        """Whoever types means the composer."""
        if event.is_printable and event.character:
            event.stop()
            self.post_message(self.Typed(event.character))


def _widgets(stored: StoredMessage) -> list[Widget]:
    if stored.message.role is Role.USER:
        return [Question(stored.message)]
    if stored.message.role is not Role.ASSISTANT:
        return []
    answer = Answer(stored.model or "", stored.message.text)
    answer.describe(stored.status, stored.stats)
    if stored.status == "failed":
        return [answer, Notice(stored.error or "The answer failed", error=True)]
    return [answer]
