"""Where a message is written: several lines, Enter sends, pictures stand in it as tokens.

Knows paths only as text: it says what is being typed and takes what should stand there instead. A
token (see `ui.tokens`) is passed over by the cursor and deleted as one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.binding import Binding, BindingType
from textual.document._document import EditResult, Location, Selection
from textual.keys import Keys
from textual.message import Message
from textual.reactive import var
from textual.widgets import TextArea

from vlmtui import printable
from vlmtui.compose.mentions import Token
from vlmtui.compose.tokens import Tokens
from vlmtui.stats.engine_state import BUSY, Phase
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.widgets.text_field import TextField

if TYPE_CHECKING:
    from textual.widget import Widget

# Terminals send Alt+Enter as escape and return, which Textual reads as plain Enter: a half-written
# message would be sent. Ctrl+J, the other key for a new line, is what it means here.
ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (Keys.ControlJ,))  # type: ignore[attr-defined]


FOLDED = 8_000
"""A longer text that is pasted becomes one token: laying out megabytes would stop the keyboard."""

MOST_PASTED = 2_000_000
"""Characters. A longer text is refused: no context has room for it."""

_DECIDED_SECONDS = 2.0
"""Longest time for which keys behind Enter wait until what was sent has been taken, or refused."""

_STYLED = 20_000
"""Characters of a line beyond which no tokens are looked for in it."""


_ELSEWHERE = {"f6": "alt+l", "f7": "alt+a"}
"""Other keys for those of the text field that the chat's screen has: next pane, pictures."""


def _editing() -> list[BindingType]:
    """The text field's own keys, with ids by which the settings can change them."""
    bindings: list[BindingType] = []
    for binding in TextArea.BINDINGS:
        assert isinstance(binding, Binding)
        action = binding.action.replace("(True)", "_select")
        key = _ELSEWHERE.get(binding.key, binding.key)
        bindings.append(replace(binding, key=key, id=f"edit.{action}"))
    return bindings


SEEING = "Ask about a picture; @path attaches one"
BLIND = "Ask anything"
"""What stands in an empty composer, for a model that sees pictures and for one that doesn't."""


class Composer(TextField, inherit_bindings=False):
    """A text field that grows with its text."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 3;
        max-height: 10;
        border: round $border-blurred;
        background: $background;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        border-title-color: $text-dim;
        border-subtitle-color: $text-dim;

        &:focus {
            border: round $border;
            background-tint: transparent;
        }
        & .text-area--placeholder {
            color: $text-dim;
        }
        & .composer--token {
            background: $primary 25%;
            color: $foreground;
        }
        & .composer--read {
            background: $primary 60%;
            color: $foreground;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"composer--token", "composer--read"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="composer.send"),
        Binding("ctrl+j,alt+enter,shift+enter", "new_line", "New line", id="composer.newline"),
        Binding("tab", "complete", "Complete a path", id="composer.complete"),
        *_editing(),
    ]

    choosing = var(False)
    """A list of completions is open: the keys that move in it are not the text's."""

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Pasted(Message):
        """Text came from the clipboard, or from a file that was dropped; it stands in the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PasteRefused(Message):
        """What was pasted is too long."""

        def __init__(self, characters: int) -> None:
            super().__init__()
            self.characters = characters

    class CompletionWanted(Message):
        """Tab was pressed."""

    class Choosing(Message):
        """A key for the list of completions was pressed: up or down."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class RecallWanted(Message):
        """An earlier message is wanted (-1), or a later one."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    reading: var[float | None] = var(None)
    """How much of the tokens the engine has read ahead, 0 to 1."""

    cost: var[str] = var("")
    """What the pictures in the text will take, in words."""

    other_keys: var[key_hints.Hints] = var(())
    """Keys of something else, while that has the keyboard: they stand in the border, too."""

    phase: var[Phase] = var(Phase.READY)
    """What the engine does: whether there is something to stop, and whether a message waits."""

    recalled: str | None = None
    """The text, when it is an earlier message that nobody has changed yet."""

    def __init__(self, *, id: str | None = None) -> None:
        self.tokens = Tokens()
        self._undecided: asyncio.Event | None = None
        super().__init__(
            id=id,
            soft_wrap=True,
            highlight_cursor_line=False,
            placeholder=SEEING,
            show_line_numbers=False,
        )

    def on_mount(self) -> None:
        self._hint_at_keys()

    def watch_reading(self, fraction: float | None) -> None:
        """Say it in the border, and have the tokens fill."""
        self._tell()
        self.notify_style_update()  # lines that were drawn are kept until then
        self.refresh()

    def watch_other_keys(self) -> None:
        self._hint_at_keys()

    def watch_phase(self) -> None:
        self._hint_at_keys()

    def watch_cost(self) -> None:
        self._tell()

    def _tell(self) -> None:
        """Say in the border what the pictures will cost, and how much is read ahead."""
        done = self.reading
        read = "" if done is None else "ready" if done == 1 else f"reading {done:.0%}"
        self.border_title = " · ".join(filter(None, (self.cost, read.replace("%", " %"))))

    def on_resize(self) -> None:
        self._hint_at_keys()

    def _hint_at_keys(self) -> None:
        busy = self.phase in BUSY
        stop = (keymap.keys_of(self.app, "chat.stop", "escape"), "stop")
        hints = self.other_keys or (
            *((stop,) if busy or self.phase is Phase.LOADING else ()),
            (keymap.keys_of(self.app, "composer.send", "enter"), "queue" if busy else "send"),
            (keymap.keys_of(self.app, "composer.newline", "ctrl+j"), "new line"),
            (keymap.keys_of(self.app, "app.help", "f1"), "help"),
        )
        key_hints.in_border(self, hints)

    @property
    def cursor_index(self) -> int:
        """Where the cursor is, as an index into `text`."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(i)) + 1 for i in range(row)) + column

    def put(self, text: str) -> None:
        """Replace everything, with the cursor at the end; can be undone."""
        self.history.checkpoint()
        self.replace(self._folded(printable.prose(text)), (0, 0), self.document.end)
        self.move_cursor(self.document.end)

    def put_between(self, start: int, end: int, text: str) -> None:
        """Replace a part, given by indices into `text`, with the cursor behind it."""
        self.history.checkpoint()
        result = self.replace(text, self._location(start), self._location(end))
        self.move_cursor(result.end_location)

    def put_instead(self, old: str, new: str) -> bool:
        """Replace what stands in the text by something else; the cursor stays where it is.

        Of several places the one nearest to the cursor is meant. False when it isn't there.
        """
        text, cursor = self.text, self.cursor_index
        if not old or old not in text:
            return False
        starts = [i for i in range(len(text)) if text.startswith(old, i)]
        start = min(starts, key=lambda index: abs(index + len(old) - cursor))
        self.history.checkpoint()
        end = start + len(old)
        if not text[end:].strip():  # the line break that ended a paste, for example
            end = len(text)
            new += " "
        result = self.replace(new, self._location(start), self._location(end))
        if start <= cursor <= end:
            self.move_cursor(result.end_location)
        self.history.checkpoint()
        return True

    def put_at_cursor(self, token: str) -> None:
        """Put a token where the cursor is, with spaces where it would touch a word."""
        index = self.cursor_index
        before, after = self.text[index - 1 : index], self.text[index : index + 1]
        space = " " if before and not before.isspace() and before not in "([{" else ""
        tail = "" if after.isspace() else " "
        self.put_between(index, index, f"{space}{token}{tail}")

    def _folded(self, text: str) -> str:
        """A text whose long parts, between its pictures, are tokens."""
        if len(text) <= FOLDED:
            return text
        pieces: list[str] = []
        done = 0
        for token in (*self.tokens.find(text), Token(len(text), len(text), "")):
            piece = text[done : token.start]
            pieces.append(self.tokens.of_text(piece) if len(piece) > FOLDED else piece)
            pieces.append(text[token.start : token.end])
            done = token.end
        return "".join(pieces)

    def _location(self, index: int) -> tuple[int, int]:
        row = 0
        while index > (length := len(self.document.get_line(row))):
            index -= length + 1
            row += 1
        return (row, index)

    async def _on_key(self, event: events.Key) -> None:
        # Textual looks bindings up in the app, behind the characters that are already on their way
        # here. Typed fast, Enter would send the beginning of the next message, and Backspace would
        # delete the wrong character.
        await self._taken()
        for binding in keymap.bound(self).get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.prevent_default()
                event.stop()
                return
        # Keys that come faster than they are drawn are taken without a pause: signals, answers and
        # the screen would wait for the last of them.
        await asyncio.sleep(0)

    async def _taken(self) -> None:
        """Wait until what was sent isn't here any more: keys that follow at once would join it."""
        if self._undecided is not None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._undecided.wait(), _DECIDED_SECONDS)
            self._undecided = None

    def decided(self) -> None:
        """What was sent has been taken out, or stays to be corrected."""
        if self._undecided is not None:
            self._undecided.set()

    def action_submit(self) -> None:
        self._undecided = asyncio.Event()
        # not by way of our own queue, which stands still until that is decided
        cast("Widget", self.parent).post_message(self.Submitted(self.text))

    def action_new_line(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_complete(self) -> None:
        self.post_message(self.CompletionWanted())

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up, in the list of completions when one is open, to what was asked before."""
        if self.choosing and not select:
            self.post_message(self.Choosing(-1))
        elif not select and self._recalls(-1):
            self.post_message(self.RecallWanted(-1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down, in the list of completions when one is open, back from what was asked."""
        if self.choosing and not select:
            self.post_message(self.Choosing(1))
        elif not select and self._recalls(1):
            self.post_message(self.RecallWanted(1))
        else:
            super().action_cursor_down(select)

    async def _on_paste(self, event: events.Paste) -> None:
        # what is pasted may come from anywhere, a web page with escape sequences included
        event.prevent_default()
        event.stop()
        await self._taken()
        if len(event.text) > MOST_PASTED:
            self.post_message(self.PasteRefused(len(event.text)))
            return
        text = printable.prose(event.text)
        self.history.checkpoint()
        if result := self._replace_via_keyboard(self._folded(text), *self.selection):
            self.move_cursor(result.end_location)
            self.history.checkpoint()
            self.post_message(self.Pasted(text.strip()))

    def _recalls(self, step: int) -> bool:
        """Whether the cursor leaves the text, and the text is nothing that could be lost."""
        text = self.text
        blank = not text[self.tokens.lead(text) :].strip()
        if text != self.recalled and not (blank and step < 0):
            return False
        row = self.wrapped_document.location_to_offset(self.cursor_location).y
        return row == (0 if step < 0 else self.wrapped_document.height - 1)

    def get_line(self, line_index: int) -> Text:
        """A line with its tokens marked."""
        line = super().get_line(line_index)
        if len(line.plain) <= _STYLED:
            style = self.get_component_rich_style("composer--token")
            read = self.get_component_rich_style("composer--read")
            for token in self.tokens.find(line.plain):
                done = round((token.end - token.start) * (self.reading or 0))
                line.stylize(read, token.start, token.start + done)
                line.stylize(style, token.start + done, token.end)
        return line

    def validate_selection(self, selection: Selection) -> Selection:
        """Keep the cursor out of tokens: it passes over them."""
        before = self.selection
        return Selection(
            self._outside(selection.start, before.start), self._outside(selection.end, before.end)
        )

    def _outside(self, location: Location, before: Location) -> Location:
        row, column = location
        for start, end in self._token_columns(row):
            if not start < column < end:
                continue
            if before == (row, start):
                return (row, end)
            if before == (row, end):
                return (row, start)
            return (row, start if column - start < end - column else end)
        return location

    def _token_columns(self, row: int) -> list[tuple[int, int]]:
        if row >= self.document.line_count:
            return []
        line = self.document.get_line(row)
        return [(token.start, token.end) for token in self.tokens.find(line[:_STYLED])]

    def _whole(self, start: Location, end: Location) -> tuple[Location, Location]:
        """A range that has no half token at its ends."""
        (top, first), (bottom, last) = sorted((start, end))
        for left, right in self._token_columns(top):
            first = left if left < first < right else first
        for left, right in self._token_columns(bottom):
            last = right if left < last < right else last
        return (top, first), (bottom, last)

    def _delete_via_keyboard(self, start: Location, end: Location) -> EditResult | None:
        return super()._delete_via_keyboard(*self._whole(start, end))

    def _replace_via_keyboard(
        self, insert: str, start: Location, end: Location
    ) -> EditResult | None:
        return super()._replace_via_keyboard(insert, *self._whole(start, end))
