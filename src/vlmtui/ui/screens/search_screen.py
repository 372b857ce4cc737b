"""Search in all chats while one types: what was found, and the message around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static

from vlmtui import dates, printable, units
from vlmtui.errors import VlmtuiError
from vlmtui.messages import Role, readable
from vlmtui.storage.records import Found, StoredMessage
from vlmtui.ui import background, marks
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.line_input import LineInput

LIMIT = 100
"""Most hits that are shown; more words find fewer."""

_TYPING_SECONDS = 0.15
_MARK = "bold $accent underline"
_BEFORE = 1_500
_AFTER = 6_000
"""Characters of a message that the preview shows around the first hit."""

_PAGE = 4
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


class SearchScreen(Dialog[Found]):
    """Returns the hit to go to, or None.

    Attributes:
        found: What was found for the text that is searched for.
    """

    DEFAULT_CSS = """
    SearchScreen {
        background: $background;

        & Input {
            margin: 0 1;
        }
        & #search-body {
            layers: base over;
        }
        & OptionList {
            height: 1fr;
            border: none;
            padding: 0;
            background: $background;

            & > .option-list--option-highlighted {
                background: $primary 18%;
            }
        }
        & #search-preview {
            display: none;
            padding: 0 2;
            border-left: solid $border-blurred;
        }
        &.-wide #search-preview {
            display: block;
        }
        & #search-none {
            layer: over;
            dock: top;
            display: none;
            padding: 1 2;
            color: $text-dim;
        }
        &.-none #search-none {
            display: block;
        }
        &.-none #search-preview {
            visibility: hidden;
        }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+f", "close", "Close", id="search.close", priority=True),
        Binding(keymap.UP, "step(-1)", "Up", id="search.up", priority=True),
        Binding(keymap.DOWN, "step(1)", "Down", id="search.down", priority=True),
        Binding("pageup", f"step(-{_PAGE})", "Page up", id="search.pageup"),
        Binding("pagedown", f"step({_PAGE})", "Page down", id="search.pagedown"),
    ]

    def __init__(self, find: Find, read: Read, text: str, *, here: bool) -> None:
        """Make the screen.

        Args:
            find: How to search.
            read: How to read the messages around a hit.
            text: What to search for at first.
            here: It is the chat that is open that is searched, alone.
        """
        super().__init__()
        self._find = find
        self._read = read
        self._first = text
        self._here = here
        self.found: Sequence[Found] = ()
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Heading(f"Search in {'this chat' if self._here else 'all chats'}")
            yield LineInput(
                self._first, placeholder="Words, or their beginnings", select_on_focus=True
            )
            with Horizontal(id="search-body"):
                options = OptionList(markup=False)
                options.can_focus = False
                yield Static(id="search-none")
                yield options
                with VerticalScroll(id="search-preview", can_focus=False):
                    yield Static()
            yield Static(id="search-said", classes="said")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._say()
        if self._first:
            self._search(self._first)

    def on_resize(self, event: events.Resize) -> None:
        if self.found:
            self.call_after_refresh(self._show_hits)

    @property
    def text(self) -> str:
        return self.query_one(Input).value

    @property
    def hit(self) -> Found | None:
        """The hit under the cursor."""
        index = self.query_one(OptionList).highlighted
        return self.found[index] if index is not None and index < len(self.found) else None

    # ------------------------------------------------------------------ searching

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_TYPING_SECONDS, lambda: self._search(self.text))

    def _search(self, text: str) -> None:
        background.start(self, self._find_and_show(text), "search", self._say)

    async def _find_and_show(self, text: str) -> None:
        found = await self._find(text, LIMIT)
        if text == self.text:  # nothing was typed since
            self.found = found
            self._show_hits()
            self._say()

    def _say(self, error: VlmtuiError | None = None) -> None:
        said = self.query_one("#search-said", Static)
        said.set_class(error is not None, "error")
        count = len(self.found)
        self.query_one(Heading).note = units.count(count) + "+" * (count == LIMIT) if count else ""
        if error is not None:
            said.update(Content(printable.line(f"{error.message}. {error.hint}")))
        elif count:
            said.update(key_hints.line(_HINTS, self.size.width - 2))
        else:
            said.update(key_hints.line(_HINTS[-1:], self.size.width - 2))
        self.set_class(not count, "-none")
        self.query_one("#search-none", Static).update(
            "No message has words that start like this."
            if self.text.strip()
            else _FINDS["here" if self._here else "all"]
        )

    # ------------------------------------------------------------------ showing

    def _show_hits(self) -> None:
        options = self.query_one(OptionList)
        kept = options.highlighted or 0
        width = max(options.size.width - 3, 16)
        options.clear_options()
        options.add_options([option(hit, width, here=self._here) for hit in self.found])
        if self.found:
            options.highlighted = min(kept, len(self.found) - 1)
        else:
            self._preview_text(Content(""))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        hit = self.hit
        if hit is not None and self.has_class("-wide"):
            background.start(self, self._preview(hit), "preview", self._say)

    async def _preview(self, hit: Found) -> None:
        thread = await self._read(hit)
        if hit is self.hit:
            self._preview_text(_preview(hit, thread[-2:]))

    def _preview_text(self, content: Content) -> None:
        pane = self.query_one("#search-preview", VerticalScroll)
        pane.query_one(Static).update(content)
        pane.scroll_home(animate=False)

    # ------------------------------------------------------------------ choosing

    def action_step(self, by: int) -> None:
        if self.found:  # keys may come before there is a list
            options = self.query_one(OptionList)
            at = (options.highlighted or 0) + by
            options.highlighted = min(max(at, 0), len(self.found) - 1)

    def action_close(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        if self.hit is not None:
            self.dismiss(self.hit)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self.found[event.option_index])


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
    if pattern is not None:
        for match in pattern.finditer(content.plain):
            content = content.stylize(_MARK, match.start(), match.end())
    return content
