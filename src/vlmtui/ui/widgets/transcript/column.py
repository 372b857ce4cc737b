"""A long column of widgets, of which only those in and near the view exist.

The height of an entry is estimated until its widget has been laid out once; when the truth
differs, what the reader looks at stays where it is and the rest moves. Knows nothing of messages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from textual.containers import VerticalScroll
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.layouts.vertical import VerticalLayout
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from vlmtui.ui.widgets.transcript.column_entry import Entry

PAGES_NEAR = 1.5
"""Pages above and below the view whose widgets exist: enough for Page Down to find them there."""

PAGES_KEPT = 3.0
"""Farther away than this many pages, widgets are taken away again."""

_AT_ONCE = 6
"""Widgets outside the view that are made in one go; each takes one or two milliseconds."""


class _Held(NamedTuple):
    """What stays in its place when heights change: an entry, and where its top is in the view."""

    entry: Entry
    row: int
    height: int
    width: int


class _ColumnLayout(Layout):
    name = "column"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        assert isinstance(parent, Column)
        return parent.place(VerticalLayout().arrange(parent, children, size, greedy), size)


class Column(VerticalScroll):
    """Shows `entries`, follows its end while the reader is there.

    A subclass may compose widgets of its own: they stand above the entries. After them it composes
    `sentinel`, an empty widget at the end, which tells Textual how far the column reaches.
    """

    DEFAULT_CSS = """
    Column {
        scrollbar-gutter: stable;
    }
    """

    # its own size does not follow from what it holds: growing needs no second layout or paint
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self.sentinel = Widget()
        self.entries: list[Entry] = []
        self.following = True
        self._tops: list[int] = [0]
        self._page = Size(0, 0)
        self._held: _Held | None = None
        self._filling = False
        self._column_layout = _ColumnLayout()

    @property
    def layout(self) -> Layout:
        """Its own, whatever the style sheets say."""
        return self._column_layout

    # ------------------------------------------------------------------ what is in it

    async def put(self, entries: Iterable[Entry]) -> None:
        """Show other entries; those that were there already keep their widgets and places."""
        entries = list(entries)
        kept = set(entries)
        gone = [entry for entry in self.entries if entry not in kept]
        if self._held is not None and self._held.entry not in kept:
            self._held = self._held_above(self._held, kept)
        self.entries = entries
        await self._take_away(gone)
        self._refit()
        await self._fill()

    async def add(self, entry: Entry) -> None:
        """Add an entry to the end; its widget is there when this returns."""
        self.entries.append(entry)
        await self._make([entry])

    async def bring(self, entry: Entry, row: int = 0) -> None:
        """Scroll until the entry's top stands in this row of the view; its widget is there then."""
        self.following = False
        self._held = _Held(entry, row, entry.height, self._page.width)
        self._refit()
        await self.ensure(entry)
        self._fill_soon()

    async def ensure(self, entry: Entry) -> None:
        """Make an entry's widget, wherever the reader is."""
        if entry.widget is None:
            await self._make([entry])

    def follow(self) -> None:
        """Go to the end, and stay there while it grows."""
        self.following = True
        self._refit()

    @property
    def end(self) -> int:
        return self._tops[-1]

    def in_view(self) -> Sequence[Entry]:
        """The entries that can be seen, at least in part."""
        top = round(self.scroll_y)
        return self._between(top, top + self._page.height)

    def top_of(self, entry: Entry) -> int:
        """The row of the column where an entry begins."""
        index = self.entries.index(entry)
        return self._tops[min(index, len(self._tops) - 1)]  # it may be newer than the last layout

    # ------------------------------------------------------------------ places

    def place(self, placements: list[WidgetPlacement], size: Size) -> list[WidgetPlacement]:
        """Move what was laid out from top to bottom to where it belongs in the whole column."""
        owners = {entry.widget: entry for entry in self.entries if entry.widget is not None}
        mine = [p for p in placements if p.widget in owners]
        above = [p for p in placements if p.widget not in owners and p.widget is not self.sentinel]
        for placement in mine:
            height = placement.region.height + placement.margin.bottom
            owners[placement.widget].measured(height, size.width)
        for entry in self.entries:
            entry.fit(size.width)
        start = max((p.region.bottom + p.margin.bottom for p in above), default=0)
        self._tops = list(accumulate((entry.height for entry in self.entries), initial=start))
        self._page = size
        self._scroll_to_held()
        tops = dict(zip(self.entries, self._tops, strict=False))
        moved = [
            p._replace(region=Region(p.region.x, tops[owners[p.widget]], *p.region.size))
            for p in mine
        ]
        end = Region(0, self._tops[-1], 0, 0)
        self._fill_soon()
        return [*above, *moved, WidgetPlacement(end, NULL_OFFSET, NULL_SPACING, self.sentinel)]

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The reader has moved: hold on to what can be seen now."""
        super().watch_scroll_y(old_value, new_value)
        self.following = round(new_value) >= self._last_scroll()
        self._hold()
        self._fill_soon()

    def _last_scroll(self) -> int:
        return max(self._tops[-1] - self._page.height, 0)

    def _hold(self) -> None:
        seen = self.in_view()
        entry = next((entry for entry in seen if entry.widget is not None), None)
        entry = entry or next(iter(seen), None)
        if entry is not None:
            row = self.top_of(entry) - round(self.scroll_y)
            self._held = _Held(entry, row, entry.height, self._page.width)

    def _held_above(self, held: _Held, kept: Container[Entry]) -> _Held | None:
        """Hold on to the nearest entry above instead."""
        index = self.entries.index(held.entry)
        above = (entry for entry in reversed(self.entries[:index]) if entry in kept)
        entry = next(above, None)
        if entry is None:
            return None
        row = self.top_of(entry) - round(self.scroll_y)
        return _Held(entry, row, entry.height, self._page.width)

    def _scroll_to_held(self) -> None:
        """Set the scroll position while the layout is under way, as anchored widgets have it."""
        if self.following:
            y = self._last_scroll()
        elif self._held is None:
            y = min(round(self.scroll_y), self._last_scroll())
        else:
            entry, row, height, width = self._held
            if row < 0 and width != self._page.width:
                row = round(row * entry.height / height)  # wrapped anew: keep the part
            y = min(max(self.top_of(entry) - row, 0), self._last_scroll())
            self._held = _Held(entry, row, entry.height, self._page.width)
        if y == round(self.scroll_y):
            return
        self.set_reactive(Widget.scroll_y, float(y))
        self.set_reactive(Widget.scroll_target_y, float(y))
        self.vertical_scrollbar.set_reactive(ScrollBar.position, y)

    def _between(self, top: int, bottom: int) -> Sequence[Entry]:
        """The entries that have a row from `top` to before `bottom`."""
        first = max(bisect_right(self._tops, top) - 1, 0)
        last = bisect_right(self._tops, bottom - 1)
        return self.entries[first:last]

    def _refit(self) -> None:
        self.sentinel.refresh(layout=True)

    # ------------------------------------------------------------------ widgets

    def _fill_soon(self) -> None:
        if not self._filling and self.is_attached:
            self._filling = True
            self.call_later(self._fill)

    async def _fill(self) -> None:
        """Make what is missing, what can be seen first; take away what is far.

        Each change leads to a layout, which leads here again, until nothing is missing.
        """
        self._filling = False
        page = self._page.height
        if not page:
            return  # the first layout leads here again
        top = self._last_scroll() if self.following else round(self.scroll_y)
        missing = [e for e in self._between(top, top + page) if e.widget is None]
        if not missing:
            margin = round(page * PAGES_NEAR)
            near = self._between(top - margin, top + page + margin)
            missing = [entry for entry in near if entry.widget is None][:_AT_ONCE]
        if missing:
            await self._make(missing)
        else:
            await self._clear(top, page)

    async def _make(self, entries: Sequence[Entry]) -> None:
        self._refit()
        with self.app.batch_update():
            mounting = []
            for entry in entries:
                if entry.widget is None and entry in self.entries:
                    entry.widget = entry.build()
                    mounting.append(self.mount(entry.widget, before=self._next_widget(entry)))
            for mounted in mounting:
                await mounted

    def _next_widget(self, entry: Entry) -> Widget:
        following = self.entries[self.entries.index(entry) + 1 :]
        return next((e.widget for e in following if e.widget is not None), self.sentinel)

    async def _clear(self, top: int, page: int) -> None:
        margin = round(page * PAGES_KEPT)
        near = set(self._between(top - margin, top + page + margin))
        held = {self.screen.focused, *self.screen.selections} - {None}
        in_use = {ancestor for widget in held if widget for ancestor in widget.ancestors_with_self}
        far = [
            entry
            for entry in self.entries
            if entry.widget is not None
            and entry not in near
            and not entry.pinned
            and entry.widget not in in_use
        ]
        if far:
            await self._take_away(far)

    async def _take_away(self, entries: Sequence[Entry]) -> None:
        widgets = [entry.widget for entry in entries if entry.widget is not None]
        for entry in entries:
            entry.widget = None
        await self.remove_children(widgets)
