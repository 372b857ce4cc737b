"""What is pasted into the terminal, taken out of what the user types before anything looks at it.

Textual's parser goes through a paste letter by letter, which for 10 MB takes longer than anybody
waits, and takes an escape sequence in it for keys: a page could press some. Here a paste is the
text between its two marks, whatever it is.

A terminal that marks no pastes types them. What comes so fast that nobody can have typed it is a
paste too: drawn key by key, a long one would stop everything else for minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual import events
from textual._time import get_time
from textual.message import Message

from vlmtui.terminal.terminal_replies import ReplyParser

_BEGIN = "\x1b[200~"
_END = "\x1b[201~"

MOST_KEPT = 4_000_000
"""Characters of a paste that are kept: more than the composer takes, so that it can say so."""

LEAST_BURST = 1_000
"""Characters that nobody can have typed between two reads of the terminal."""

LEAST_LINES = 20
"""The same where Enter stands between two lines.

As a key each Enter would send alone, and what stays while an answer is on its way would run into
the next.
"""

_LINES = re.compile(r"\S.*[\r\n]+[^\r\n]", re.DOTALL)

_BURST_SECONDS = 0.05
"""After a pause of this length the next character is typed again."""

_TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")
"""What may be in a text: no key but those that write something, Tab and Enter among them."""


class PasteParser(ReplyParser):
    """The parser of what comes from the terminal, behind one that takes the pastes out."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._pasting = False
        self._pieces: list[str] = []
        self._length = 0
        self._burst_at: float | None = None
        self._torn = ""
        """What may be the first part of a mark."""

    def feed(self, data: str) -> Iterable[Message]:
        """Parse what was read; "" is the end."""
        if not data:
            torn, self._torn = self._torn, ""
            yield from self._end_burst()
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
                yield from self._typed(text)
            if found:
                yield from self._end_burst()
                if self._pasting:
                    yield self._paste()
                self._pasting = not self._pasting

    def tick(self) -> Iterable[Message]:
        """Called about ten times a second: what waited was no mark."""
        torn = "" if self._pasting else self._torn
        if torn or (self._burst_at is not None and get_time() - self._burst_at >= _BURST_SECONDS):
            yield from self._end_burst()
        if torn:
            self._torn = ""
            yield from super().feed(torn)
        yield from super().tick()

    def _typed(self, text: str) -> Iterable[Message]:
        """Hold what comes in a burst back until it is over; anything else is keys."""
        run = _TEXT.match(text)
        length = run.end() if run is not None else 0
        if self._burst_at is not None or _is_burst(text[:length]):
            self._burst_at = get_time()
            self._keep(text[:length])
            text = text[length:]
            if text:
                yield from self._end_burst()
        if text:
            yield from super().feed(text)

    def _end_burst(self) -> Iterable[Message]:
        """What came in a burst was pasted; Enter at its end is the key."""
        if self._burst_at is None:
            return
        self._burst_at = None
        paste = self._paste()
        text = paste.text.removesuffix("\r")
        yield events.Paste(text)
        if text != paste.text:
            yield from super().feed("\r")

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


def _is_burst(text: str) -> bool:
    return len(text) >= LEAST_BURST or (
        len(text) >= LEAST_LINES and _LINES.search(text) is not None
    )


def _cut(text: str, mark: str, least: int) -> tuple[str, str]:
    """A text without the beginning of a mark at its end, and that beginning."""
    for length in range(len(mark) - 1, least - 1, -1):
        if text.endswith(mark[:length]):
            return text[:-length], text[-length:]
    return text, ""
