"""From the bytes of sampled tokens to the text of an answer, as it may be shown.

UTF-8 sequences may be split across tokens, and a stop string may be spread over several: text is
held back until it is certain. Pure, without llama.cpp.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class AnswerText:
    """Turns pieces of bytes into pieces of text."""

    def __init__(self, stop: Sequence[str] = (), *, begun: bool = False, unsaid: str = "") -> None:
        """Begin an answer, or go on with one.

        Args:
            stop: The answer ends before the first of these strings; empty ones are ignored.
            begun: There is something of the answer already.
            unsaid: Whitespace at the end of that which the model doesn't know of; when it says the
                same, it is not given out twice.
        """
        self._begun = begun
        self._unsaid = unsaid
        self._stop = tuple(string for string in stop if string)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.text = ""
        """All text that was given out."""

        self.stopped = False
        """A stop string came."""

    @property
    def whole(self) -> bool:
        """Whether all that came is given out: no half character, no beginning of a stop string."""
        return not self._held and not self._decoder.getstate()[0]

    def feed(self, piece: bytes) -> str:
        """Add a token's bytes; returns the text that is now certain, maybe none."""
        self._held += self._decoder.decode(piece)
        if not self.text:
            self._drop_leading_space()
        if not self._stop:
            return self._give(len(self._held))
        first = min(
            (at for string in self._stop if (at := self._held.find(string)) >= 0), default=-1
        )
        if first >= 0:
            self.stopped = True
            return self._give(first, keep=False)
        return self._give(len(self._held) - self._beginning_of_stop())

    def finish(self) -> str:
        """End the answer; returns what was held back. A half character at the end is dropped."""
        return "" if self.stopped else self._give(len(self._held))

    def _drop_leading_space(self) -> None:
        if not self._begun:
            self._held = self._held.lstrip()  # tokenizers put a space before the first word
        while self._unsaid and self._held:
            if self._held[0] == self._unsaid[0]:
                self._held, self._unsaid = self._held[1:], self._unsaid[1:]
            else:
                self._unsaid = ""

    def _give(self, count: int, *, keep: bool = True) -> str:
        text, rest = self._held[:count], self._held[count:]
        self._held = rest if keep else ""
        self.text += text
        return text

    def _beginning_of_stop(self) -> int:
        """Length of the longest end of the held text that a stop string begins with."""
        longest = max(map(len, self._stop)) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(string.startswith(self._held[-length:]) for string in self._stop):
                return length
        return 0
