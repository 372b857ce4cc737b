"""What is pasted into the terminal, taken out of what the user types before anything looks at it.

Textual's parser goes through a paste letter by letter, which for 10 MB takes longer than anybody
waits, and takes an escape sequence in it for keys: a page could press some. Here a paste is the
text between its two marks, whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.message import Message

from vlmtui.ui.replies import ReplyParser

_BEGIN = "\x1b[200~"
_END = "\x1b[201~"

MOST_KEPT = 4_000_000
"""Characters of a paste that are kept: more than the composer takes, so that it can say so."""


class PasteParser(ReplyParser):
    """The parser of what comes from the terminal, behind one that takes the pastes out."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._pasting = False
        self._pieces: list[str] = []
        self._length = 0
        self._torn = ""
        """What may be the first part of a mark."""

    def feed(self, data: str) -> Iterable[Message]:
        """Parse what was read; "" is the end."""
        if not data:
            torn, self._torn = self._torn, ""
            if torn and not self._pasting:
                yield from super().feed(torn)
            yield from super().feed(data)
            return
        data, self._torn = self._torn + data, ""
        while data:
            mark = _END if self._pasting else _BEGIN
            text, found, data = data.partition(mark)
            if not found:
                # a lone Esc, or Esc and a bracket, must not wait: they are keys
                text, self._torn = _cut(text, mark, 1 if self._pasting else 3)
            if self._pasting:
                self._keep(text)
            elif text:
                yield from super().feed(text)
            if found:
                if self._pasting:
                    yield self._paste()
                self._pasting = not self._pasting

    def tick(self) -> Iterable[Message]:
        """Called about ten times a second: what waited was no mark."""
        if self._torn and not self._pasting:
            torn, self._torn = self._torn, ""
            yield from super().feed(torn)
        yield from super().tick()

    def _keep(self, text: str) -> None:
        self._length += len(text)
        if self._length <= MOST_KEPT:
            self._pieces.append(text)

    def _paste(self) -> events.Paste:
        text = "".join(self._pieces).replace("\0", "")
        if self._length > MOST_KEPT:
            text = text.ljust(MOST_KEPT)
        self._pieces, self._length = [], 0
        return events.Paste(text)


def _cut(text: str, mark: str, least: int) -> tuple[str, str]:
    """A text without the beginning of a mark at its end, and that beginning."""
    for length in range(len(mark) - 1, least - 1, -1):
        if text.endswith(mark[:length]):
            return text[:-length], text[-length:]
    return text, ""
