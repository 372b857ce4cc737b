"""A conversation as a column of messages and notices: shown, asked, answered, told.

Knows nothing of keys; what the reader does with messages is in `transcript`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from textual.app import ComposeResult
from textual.geometry import Size
from textual.layout import WidgetPlacement
from textual.reactive import reactive

from vlmtui.messages import Role, assistant
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.stats.image_costs import Cost, costs, thread_costs
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.widgets.transcript.column import Column
from vlmtui.ui.widgets.transcript.column_entry import Entry
from vlmtui.ui.widgets.transcript.entries import MarkEntry, MessageEntry, notice_entry
from vlmtui.ui.widgets.transcript.news import News
from vlmtui.ui.widgets.transcript.welcome import Welcome

if TYPE_CHECKING:
    from vlmtui.ui.widgets.transcript.answer_block import Answer


class Conversation(Column):
    """Messages and notices; a welcome while there are none."""

    DEFAULT_CSS = """
    Conversation {
        padding: 1 0 0 1;
    }
    """

    engine_state: reactive[EngineState] = reactive(EngineState(), repaint=False)
    sample: reactive[Path | None] = reactive[Path | None](None, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._news = News(self.follow)
        self._costs: dict[str, Cost] = {}
        self._live: MessageEntry | None = None
        self._sought: MessageEntry | None = None

    def compose(self) -> ComposeResult:
        """The welcome, shown while there is nothing else."""
        yield Welcome().data_bind(Conversation.engine_state, Conversation.sample)
        yield self.sentinel
        yield self._news

    def watch_engine_state(self, engine_state: EngineState) -> None:
        """Tell in an answer without words why they don't come yet."""
        if self._live is None or engine_state.phase in (Phase.DECODING, Phase.READY, Phase.ABSENT):
            return
        if engine_state.phase is Phase.THINKING:
            if self._live.answer is not None:
                self._live.answer.thinks(engine_state.label())
            return
        from vlmtui.ui.widgets.panes.status_strip import STYLES

        if (answer := self._live.answer) is not None:
            answer.wait(engine_state, STYLES[engine_state.phase])

    @property
    def welcome(self) -> Welcome:
        return self.query_one(Welcome)

    # ------------------------------------------------------------------ what it shows

    async def show(self, thread: Iterable[StoredMessage], *, stay: bool = False) -> None:
        """Show another conversation; an empty one shows the welcome.

        Messages that were shown before keep their widgets. What was told before there was any
        message stays. A reader who is to `stay` is left where the two have messages in common, and
        doesn't go to the end.
        """
        thread = list(thread)
        self._costs.clear()
        self._costs.update(thread_costs(stored.stats for stored in thread))
        notices = [] if self.messages() else self.entries
        entries = [*self._entries_of(thread), *notices]
        self.welcome.display = not entries
        self._live = None
        if not stay:
            self.follow()
        await self.put(entries)

    def _entries_of(self, thread: Iterable[StoredMessage]) -> Iterable[Entry]:
        before = {entry.stored.id: entry for entry in self.messages()}
        model = ""
        for stored in thread:
            if stored.message.role is Role.SYSTEM:
                continue
            if stored.model and stored.message.role is Role.ASSISTANT:
                if model and model != stored.model:
                    yield MarkEntry(model, stored.model)
                model = stored.model
            known = before.get(stored.id)
            yield known if known and known.stored == stored else self._entry(stored)
            if stored.status == "failed":
                yield notice_entry(stored.error or "The answer failed", error=True)

    async def goto(self, message_id: int, words: Sequence[str] = ()) -> bool:
        """Scroll to a message, and mark the beginnings of words in it until others are marked.

        The first that is found is scrolled to. False where there is no such message.
        """
        entry = self.entry(message_id)
        if entry is None:
            return False
        for other in self.messages():
            if other.words and other is not entry:
                other.mark(())
        self._sought = entry if words else None
        await self.bring(entry, 1)
        entry.mark(words)
        return True

    def _show_mark(self) -> None:
        """Scroll on where the first marked word is below the view, once that is laid out."""
        entry, page = self._sought, self.container_size.height
        row = entry.first_mark() if entry is not None else None
        if entry is None or row is None or entry not in self.entries:
            return
        self._sought = None
        if row + 2 > page:
            self.scroll_to(y=self.top_of(entry) + row - page // 3, animate=False)

    async def ask(self, stored: StoredMessage) -> None:
        """Add a question after the message that it follows, and go to the end."""
        self.welcome.display = False
        await self._branch(stored)
        self.follow()
        await self.add(self._entry(stored))

    async def begin_answer(self, stored: StoredMessage) -> Answer:
        """Add an answer that will grow, or go on with the one that is there."""
        entry = self.entry(stored.id)
        if entry is None:
            await self._branch(stored)
            models = [e.stored.model for e in self.messages() if e.stored.model]
            if models and stored.model and models[-1] != stored.model:
                await self.add(MarkEntry(models[-1], stored.model))
            entry = self._entry(stored)
            entry.pinned = True
            await self.add(entry)
        else:
            entry.pinned = True
            await self._drop_after(entry)
            await self.ensure(entry)
        entry.stored = stored
        self._live = entry
        assert entry.answer is not None, "it was made just now"
        entry.answer.describe("", None)  # how it ended before, or that somebody writes it: we do
        self.watch_engine_state(self.engine_state)
        return entry.answer

    async def end_answer(self, stored: StoredMessage) -> None:
        self._live = None
        entry = self.entry(stored.id)
        if entry is None:
            return
        entry.stored = stored
        entry.pinned = False
        if entry.answer is not None:
            message = stored.message
            entry.answer.finish(message.text, stored.status, stored.stats, message.thought)

    async def fail_answer(self) -> None:
        """Keep what the answer has said that was on its way; take it away when it said nothing."""
        entry, self._live = self._live, None
        if entry is None or entry.answer is None:
            return
        text, thought = entry.answer.text, entry.answer.thought.text
        if text or thought:
            message = assistant(text, thought)
            await self.end_answer(
                msgspec.structs.replace(entry.stored, message=message, status="failed")
            )
        else:
            end = self.entries.index(entry)
            if end and isinstance(self.entries[end - 1], MarkEntry):
                end -= 1
            await self.put(self.entries[:end])

    def price(self, stats: Mapping[str, Any] | None) -> None:
        """Write beneath the pictures what they cost in the turn that has these stats."""
        self._costs.update(costs(stats, self._costs))
        from vlmtui.ui.widgets.pictures.captioned_picture import CaptionedPicture

        for picture in self.query(CaptionedPicture):
            picture.cost = self._costs.get(picture.image.sha256)

    def _entry(self, stored: StoredMessage) -> MessageEntry:
        return MessageEntry(stored, self._costs)

    async def tell(
        self, message: str, hint: str = "", details: str = "", *, error: bool, asked: bool = False
    ) -> None:
        """Add a notice, which may be one that was `asked` for."""
        self.welcome.display = False
        await self.add(notice_entry(message, hint, details, error=error, asked=asked))

    def entry(self, message_id: int) -> MessageEntry | None:
        return next((e for e in self.messages() if e.stored.id == message_id), None)

    def messages(self) -> Sequence[MessageEntry]:
        """The places of the messages, first message first."""
        return [entry for entry in self.entries if isinstance(entry, MessageEntry)]

    async def _branch(self, stored: StoredMessage) -> None:
        """Take away what stood after the message that a new one follows.

        What was told before the first message stays above it: that nothing is saved, for example.
        """
        if stored.parent_id is None:
            await self.put(
                itertools.takewhile(lambda e: not isinstance(e, MessageEntry), self.entries)
            )
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
        elif self.end > end and self._live is not None:
            self._news.tell(self.end > self.scroll_offset.y + size.height)
        if self._sought is not None:
            self.call_later(self._show_mark)
        return [*placed, self._news.placement(size)]

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """At the end nothing is new."""
        super().watch_scroll_y(old_value, new_value)
        if self.following:
            self._news.tell(False)
