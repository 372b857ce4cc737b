"""The conversation from top to bottom, which follows its end while the reader is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.geometry import Size
from textual.layout import WidgetPlacement
from textual.message import Message
from textual.reactive import reactive

from vlmtui.messages import Role, assistant
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.costs import Cost, costs, thread_costs
from vlmtui.ui.figures import Figures
from vlmtui.ui.widgets.answer import Answer
from vlmtui.ui.widgets.column import Column, Entry
from vlmtui.ui.widgets.figure import Figure
from vlmtui.ui.widgets.news import News
from vlmtui.ui.widgets.notice import Notice
from vlmtui.ui.widgets.question import Question
from vlmtui.ui.widgets.welcome import Welcome

_FRAME = 3
"""Columns beside the text of a message: its bar and the space on both sides."""

_MEASURED = 100_000
"""Characters that an estimate looks at; longer messages are estimated by their beginning."""


class MessageEntry(Entry):
    """A place for a stored message.

    Attributes:
        stored: The message; while it is being written, as it was when that began.
    """

    def __init__(self, stored: StoredMessage, costs: Mapping[str, Cost]) -> None:
        super().__init__(self._build, self._rows)
        self.stored = stored
        self._costs = costs

    def _build(self) -> Question | Answer:
        stored = self.stored
        if stored.message.role is Role.USER:
            return Question(stored.message, self._costs)
        answer = Answer(stored.model or "", stored.message.text)
        answer.describe(stored.status, stored.stats)
        return answer

    def _rows(self, width: int) -> int:
        message = self.stored.message
        rows = 2 + _wrapped(message.text, max(width - _FRAME, 1))
        if message.images:
            rows += 12
        if message.role is Role.ASSISTANT and self.stored.stats:
            rows += 1
        return rows


class Transcript(Column):
    """Messages and notices. Can be scrolled with the keyboard when it has the focus."""

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        padding: 1 0 0 1;
        scrollbar-size-vertical: 1;
    }
    """

    figures: reactive[Figures] = reactive(Figures())
    sample: reactive[Path | None] = reactive[Path | None](None)

    class Typed(Message):
        """A character was typed while the transcript had the focus."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    def __init__(self) -> None:
        super().__init__()
        self._news = News()
        self._costs: dict[str, Cost] = {}

    def compose(self) -> ComposeResult:
        """The welcome, shown while there is nothing else."""
        yield Welcome().data_bind(Transcript.figures, Transcript.sample)
        yield self.floor
        yield self._news

    # ------------------------------------------------------------------ what it shows

    async def show(self, thread: Iterable[StoredMessage]) -> None:
        """Show another conversation, from its end; an empty one shows the welcome.

        Messages that were shown before keep their widgets. What was told before there was any
        message stays.
        """
        thread = list(thread)
        self._costs.clear()
        self._costs.update(thread_costs(stored.stats for stored in thread))
        before = {entry.stored.id: entry for entry in self.messages()}
        told = [] if before else self.entries
        entries: list[Entry] = []
        for stored in thread:
            if stored.message.role is Role.SYSTEM:
                continue
            known = before.get(stored.id)
            entries.append(known if known and known.stored == stored else self._entry(stored))
            if stored.status == "failed":
                entries.append(_notice(stored.error or "The answer failed", error=True))
        entries.extend(told)
        self.query_one(Welcome).display = not entries
        self.follow()
        await self.put(entries)

    async def ask(self, stored: StoredMessage) -> None:
        """Add a question after the message that it follows, and go to the end."""
        self.query_one(Welcome).display = False
        await self._branch(stored)
        self.follow()
        await self.add(self._entry(stored))

    async def begin_answer(self, stored: StoredMessage) -> Answer:
        """Add an answer that will grow, or go on with the one that is there."""
        entry = self.entry(stored.id)
        if entry is None:
            await self._branch(stored)
            entry = self._entry(stored)
            entry.pinned = True
            await self.add(entry)
        else:
            entry.pinned = True
            await self._drop_after(entry)
            await self.ensure(entry)
        assert isinstance(entry.widget, Answer)
        return entry.widget

    async def end_answer(self, stored: StoredMessage) -> None:
        """Show an answer in its final form."""
        entry = self.entry(stored.id)
        if entry is None:
            return
        entry.stored = stored
        entry.pinned = False
        if isinstance(entry.widget, Answer):
            entry.widget.finish(stored.message.text, stored.status, stored.stats)

    async def fail_answer(self, answer: Answer) -> None:
        """Keep what a failed answer has said; take it away when it said nothing."""
        entry = next((e for e in self.entries if e.widget is answer), None)
        if not isinstance(entry, MessageEntry):
            return
        if answer.text:
            message = assistant(answer.text)
            await self.end_answer(
                msgspec.structs.replace(entry.stored, message=message, status="failed")
            )
        else:
            await self.put(other for other in self.entries if other is not entry)

    def price(self, stats: Mapping[str, Any] | None) -> None:
        """Write beneath the pictures what they cost in the turn that has these stats."""
        self._costs.update(costs(stats, self._costs))
        for figure in self.query(Figure):
            figure.cost = self._costs.get(figure.image.sha256)

    def _entry(self, stored: StoredMessage) -> MessageEntry:
        return MessageEntry(stored, self._costs)

    async def tell(self, message: str, hint: str = "", details: str = "", *, error: bool) -> None:
        """Add a notice."""
        self.query_one(Welcome).display = False
        await self.add(_notice(message, hint, details, error=error))

    def entry(self, message_id: int) -> MessageEntry | None:
        """The place of a message, if it is shown here."""
        return next((e for e in self.messages() if e.stored.id == message_id), None)

    def messages(self) -> Sequence[MessageEntry]:
        """The places of the messages, first message first."""
        return [entry for entry in self.entries if isinstance(entry, MessageEntry)]

    async def _branch(self, stored: StoredMessage) -> None:
        """Take away what stood after the message that a new one follows."""
        if stored.parent_id is None:
            await self.put([])
        elif (parent := self.entry(stored.parent_id)) is not None:
            await self._drop_after(parent)

    async def _drop_after(self, entry: Entry) -> None:
        end = self.entries.index(entry) + 1
        if end < len(self.entries):
            await self.put(self.entries[:end])

    # ------------------------------------------------------------------ new text below

    def place(self, placements: list[WidgetPlacement], size: Size) -> list[WidgetPlacement]:
        """Tell of what has grown below the view."""
        end = self.end
        placed = super().place([p for p in placements if p.widget is not self._news], size)
        if self.following:
            self._news.tell(False)
        elif self.end > end and any(entry.pinned for entry in self.entries):
            self._news.tell(self.end > self.scroll_offset.y + size.height)
        return [*placed, self._news.placement(size)]

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """At the end nothing is new."""
        super().watch_scroll_y(old_value, new_value)
        if self.following:
            self._news.tell(False)

    @on(News.Clicked)
    def _to_the_end(self, event: News.Clicked) -> None:
        event.stop()
        self.follow()

    def on_key(self, event: events.Key) -> None:
        """Whoever types means the composer."""
        if event.is_printable and event.character:
            event.stop()
            self.post_message(self.Typed(event.character))


def _notice(message: str, hint: str = "", details: str = "", *, error: bool) -> Entry:
    def rows(width: int) -> int:
        inner = max(width - _FRAME, 1)
        return 1 + sum(_wrapped(text, inner) for text in (message, hint, details) if text)

    return Entry(lambda: Notice(message, hint, details, error=error), rows)


def _wrapped(text: str, width: int) -> int:
    """About how many rows a text takes."""
    text, length = text[:_MEASURED], len(text)
    rows = sum(max(-(-len(line) // width), 1) for line in text.split("\n"))
    return rows * length // len(text) if length > len(text) else rows
