"""A text field in which pictures and long texts stand as tokens (see `compose.tokens`).

The cursor passes over a token, and it is deleted as one. Knows no keys.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.document._document import EditResult, Location, Selection
from textual.reactive import var

from vlmtui import printable
from vlmtui.compose.mentions import Token
from vlmtui.compose.tokens import Tokens
from vlmtui.ui.widgets.text_field import TextField

FOLDED = 8_000
"""A longer text is pasted as one token: laying out megabytes would stop the keyboard."""

_STYLED = 20_000
"""Characters of a line beyond which no tokens are looked for in it."""


class TokenArea(TextField):
    """A text, and what its tokens stand for."""

    DEFAULT_CSS = """
    TokenArea {
        & .token-area--token {
            background: $primary 25%;
            color: $foreground;
        }
        & .token-area--read {
            background: $primary 60%;
            color: $foreground;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"token-area--token", "token-area--read"}

    reading: var[float | None] = var(None)
    """How much of the tokens the engine has read ahead, 0 to 1."""

    def __init__(self, **options: Any) -> None:
        """Begin with an empty text; the options are Textual's."""
        self.tokens = Tokens()
        super().__init__(**options)

    def watch_reading(self, fraction: float | None) -> None:
        """Have the tokens fill."""
        self.notify_style_update()  # lines that were drawn are kept until then
        self.refresh()

    # ------------------------------------------------------------------ what stands in it

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

    # ------------------------------------------------------------------ tokens in one piece

    def get_line(self, line_index: int) -> Text:
        """A line with its tokens marked."""
        line = super().get_line(line_index)
        if len(line.plain) <= _STYLED:
            style = self.get_component_rich_style("token-area--token")
            read = self.get_component_rich_style("token-area--read")
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
