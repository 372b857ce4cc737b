"""Tells thought and answer apart while they are sampled.

Markers may be split over tokens, and some are special tokens that are no part of any text, so this
works on bytes, those of special tokens included, and holds back what may be the beginning of a
marker. Pure, without llama.cpp.
"""

from __future__ import annotations

import msgspec


class Markers(msgspec.Struct, frozen=True):
    """The texts that part a thought from the answer, special tokens written out."""

    open: str
    close: str
    ending: str
    """What is put behind a thought that has to end: the closing marker and what leads over."""

    leads: tuple[str, ...] = ()
    """What else may stand before an answer and is no part of it."""

    @property
    def texts(self) -> tuple[str, ...]:
        return self.open, self.close, *self.leads


class ThoughtSplit:
    """Parts bytes into those of the thought and those of the answer.

    A thought begins before the first word of the answer or never: a marker further on is a word
    like any other. Inside a thought only its end is looked for.

    Attributes:
        thinking: What comes next is part of a thought.
    """

    def __init__(self, markers: Markers, *, thinking: bool, answering: bool) -> None:
        """`thinking`: a thought is open; `answering`: there are words of the answer."""
        self.thinking = thinking
        self._answering = answering
        self._open, self._close = markers.open.encode(), markers.close.encode()
        self._before = (self._open, *(lead.encode() for lead in markers.leads))
        self._held = bytearray()
        self._special = bytearray()
        """For each byte held whether it is one of a special token."""

        self._thought = bytearray()
        self._answer = bytearray()

    @property
    def holds(self) -> bool:
        """Something is held back."""
        return bool(self._held)

    def feed(self, piece: bytes, *, special: bool = False) -> tuple[bytes, bytes]:
        """Add a token; returns what is certain now of the thought and of the answer."""
        self._held += piece
        self._special += bytes([special]) * len(piece)
        while self._held and self._step():
            pass
        return self._taken()

    def finish(self) -> tuple[bytes, bytes]:
        """What was held back at the end, as text."""
        self._give(len(self._held))
        return self._taken()

    def _step(self) -> bool:
        """Take something of what is held; whether there may be more to take."""
        if self.thinking:
            return self._think()
        if self._answering:
            self._give(len(self._held))
            return False
        return self._lead()

    def _think(self) -> bool:
        end = self._held.find(self._close)
        if end < 0:
            self._give(len(self._held) - _beginning_at_end(self._held, self._close))
            return False
        self._give(end)
        self._drop(len(self._close))
        self.thinking = False
        return True

    def _lead(self) -> bool:
        """Look at what stands before the answer: markers count here."""
        blank = len(self._held) - len(self._held.lstrip())
        text = bytes(self._held[blank:])
        for marker in self._before:
            if text.startswith(marker):
                self._drop(blank + len(marker))
                self.thinking = marker == self._open
                return True
        if not text or any(marker.startswith(text) for marker in self._before):
            return False
        if self._special[blank]:  # another special token: it says nothing
            self._drop(blank + self._run(blank))
            return True
        self._answering = True
        return True

    def _run(self, at: int) -> int:
        """How many bytes of special tokens follow one another."""
        return (self._special + b"\0").index(0, at) - at

    def _give(self, count: int) -> None:
        into = self._thought if self.thinking else self._answer
        into += bytes(
            byte
            for byte, special in zip(self._held[:count], self._special[:count], strict=True)
            if not special
        )
        self._drop(count)

    def _drop(self, count: int) -> None:
        del self._held[:count], self._special[:count]

    def _taken(self) -> tuple[bytes, bytes]:
        taken = bytes(self._thought), bytes(self._answer)
        self._thought.clear()
        self._answer.clear()
        return taken


def _beginning_at_end(text: bytearray, marker: bytes) -> int:
    """Length of the longest end of the text that the marker begins with."""
    return next(
        (
            length
            for length in range(min(len(marker) - 1, len(text)), 0, -1)
            if text.endswith(marker[:length])
        ),
        0,
    )
