"""Search in all chats while one types: what was found, and the message around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from vlmtui import dates, printable, units
from vlmtui.errors import VlmtuiError
from vlmtui.messages import Role, readable
from vlmtui.storage.records import Found, StoredMessage
from vlmtui.ui import background, marks
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.list_dialog import ListScreen, list_keys
from vlmtui.ui.widgets.heading import Heading

LIMIT = 100
"""Most hits that are shown; more words find fewer."""

_TYPING_SECONDS = 0.15
_MARK = "bold $accent underline"
_BEFORE = 1_500
_AFTER = 6_000
"""Characters of a message that the preview shows around the first hit."""

_FINDS = {
    "all": "Finds words, or their beginnings, in the questions, answers and titles\n"
    "of every chat and branch.",
    "here": "Finds words, or their beginnings, in this chat, in its other branches too.",
}
_HINTS = (("Enter", "go there"), ("↑↓", "choose"), ("Esc", "close"))

Find = Callable[[str, int], Awaitable[list[Found]]]
"""Looks for words; raises `VlmtuiError`."""

Read = Callable[[Found], Awaitable[list[StoredMessage]]]
"""The messages up to the one that was found; raises `VlmtuiError`."""


class SearchScreen(ListScreen[Found, Found]):
    """Returns the hit to go to, or None."""

    DEFAULT_CSS = """
    SearchScreen.-narrow .details {
        display: none;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+f", "close", "Close", id="search.close", priority=True),
        *list_keys("search", 4),
    ]

    def __init__(self, find: Find, read: Read, text: str, *, here: bool) -> None:
        """Search for a text at first; `here`: in the chat that is open, alone."""
        super().__init__("Words, or their beginnings", _FINDS["here" if here else "all"], text)
        self.heading = f"Search in {'this chat' if here else 'all chats'}"
        self._find = find
        self._read = read
        self._here = here

    def on_mount(self) -> None:
        self._say()
        if self.line.value:
            self._search()

    # ------------------------------------------------------------------ searching

    def typed(self) -> None:
        """Search a moment after the last key."""
        self._search(_TYPING_SECONDS)

    def _search(self, pause: float = 0.0) -> None:
        background.start(self, self._find_and_show(pause), "search", self._complain)

    async def _find_and_show(self, pause: float) -> None:
        await asyncio.sleep(pause)
        text = self.line.value
        found = await self._find(text, LIMIT)
        if text == self.line.value:  # nothing was typed since
            self.rows = found
            self.nothing.update(
                "No message has words that start like this."
                if text.strip()
                else _FINDS["here" if self._here else "all"]
            )
            self.show_rows()
            self._say()

    def _say(self) -> None:
        count = len(self.rows)
        self.query_one(Heading).note = units.count(count) + "+" * (count == LIMIT) if count else ""
        self.say(key_hints.line(_HINTS if count else _HINTS[-1:], self.size.width - 2))

    def _complain(self, error: VlmtuiError) -> None:
        self.say(Content(printable.line(f"{error.message}. {error.hint}")), error=True)

    # ------------------------------------------------------------------ showing

    def show_rows(self) -> None:
        """Show what was found, as wide as the list is now."""
        drawn = [option(hit, self.row_width, here=self._here) for hit in self.rows]
        kept = self.options.highlighted or 0
        self.fill(self.rows, drawn, min(kept, len(self.rows) - 1))
        if not self.rows:
            self.show_details(Content(""))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.row is not None and self.has_class("-wide"):
            background.start(self, self._preview(self.row), "preview", self._complain)

    async def _preview(self, hit: Found) -> None:
        thread = await self._read(hit)
        if hit is self.row:
            self.show_details(_preview(hit, thread[-2:]))

    # ------------------------------------------------------------------ choosing

    def action_close(self) -> None:
        self.dismiss(None)

    def take(self, row: Found) -> None:
        self.dismiss(row)


def words(hit: Found) -> list[str]:
    """The words of a hit as they stand in the message."""
    return sorted({hit.excerpt[start:end] for start, end in hit.spans} - {""})


def option(hit: Found, width: int, *, here: bool) -> Content:
    """Title and date, unless all are of the same chat, and below them the words around the hit."""
    date = dates.full(hit.chat.updated)
    title = Content(printable.line(hit.chat.title))
    title = title.truncate(max(width - len(date) - 2, 8), ellipsis=True)
    gap = " " * max(width - title.cell_length - len(date), 1)
    head = Content.assemble(" ", title.stylize("bold"), (f"{gap}{date}", "$text-dim"))
    if hit.in_title:
        return head + Content.styled("\n   in the title\n", "$text-dim")
    head = Content() if here else head + Content("\n")
    # one character for one, so that the spans stay where they are
    excerpt = Content("".join(printable.line(sign)[:1] or " " for sign in hit.excerpt))
    for start, end in hit.spans:
        excerpt = excerpt.stylize(_MARK, start, end)
    shown = excerpt[_begin(excerpt, hit, width - 3) :]
    return head + Content("   ") + shown.truncate(width - 3, ellipsis=True) + Content("\n")


def _begin(excerpt: Content, hit: Found, room: int) -> int:
    """Where an excerpt has to begin for its first hit to be seen in so many cells."""
    first, end = hit.spans[0] if hit.spans else (0, 0)
    if excerpt[:end].cell_length < room:
        return 0
    before = min(room // 3, max(room - 1 - excerpt[first:end].cell_length, 0))
    begin = first
    while begin and excerpt[begin - 1 : first].cell_length <= before:
        begin -= 1
    return begin


def _preview(hit: Found, thread: Sequence[StoredMessage]) -> Content:
    lines = [
        Content.styled(printable.line(hit.chat.title), "bold"),
        Content.styled(dates.full(hit.chat.updated), "$text-dim"),
        Content(""),
    ]
    marked = words(hit)
    for stored in thread:
        is_user = stored.message.role is Role.USER
        who = "you" if is_user else printable.line(stored.model or "model", 60)
        lines.append(Content.styled(who, "bold $user-bar" if is_user else "bold $answer-bar"))
        lines += [_around(readable(stored.message), marked), Content("")]
    return Content("\n").join(lines)


def _around(text: str, marked: Sequence[str]) -> Content:
    """A text with its hits marked; a very long one only around the first."""
    pattern = marks.pattern(marked)
    first = pattern.search(text) if pattern else None
    start = max((first.start() if first else 0) - _BEFORE, 0)
    part = text[start : start + _BEFORE + _AFTER]
    content = Content(("…" if start else "") + printable.prose(part))
    if start + len(part) < len(text):
        content += Content("…")
    return marks.marked(content, pattern, _MARK)
