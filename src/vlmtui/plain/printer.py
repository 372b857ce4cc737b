"""What the plain chat prints: whole lines, never a control character that somebody else wrote."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import TextIO

from vlmtui import printable, standard_output
from vlmtui.commands.specs import slashed
from vlmtui.errors import EngineCrashed, VlmtuiError

_SENTENCE = re.compile(r"(?<=[.!?:;])\s+(?=\S)|(?<=[\u3002\uff01\uff1f\uff1a\uff1b])(?=[^\n])")
"""Where one ends; in Chinese and Japanese no space follows."""

_LONGEST = 400
"""Characters that are held back at most, waiting for the end of a sentence."""


class Printer:
    """Prints answers on one stream, everything else on another.

    On a terminal both are the same place; in a script the answers alone are standard output. Where
    the notes can't be written, nothing is lost but they.
    """

    def __init__(self, answers: TextIO | None = None, notes: TextIO | None = None) -> None:
        self._answers = answers if answers is not None else sys.stdout
        self._notes = notes if notes is not None else sys.stderr

    def note(self, text: str, advice: str = "") -> None:
        """Tell something that is no part of the conversation."""
        lines = printable.prose(text + (f"\n{advice}" if advice else "")).splitlines() or [""]
        with suppress(OSError, ValueError):  # the terminal has gone, or nobody wants them
            self._notes.write("\n".join(lines) + "\n")
            self._notes.flush()

    def complain(self, error: VlmtuiError) -> None:
        self.note(f"Error: {error.message}", slashed(error.hint))
        if isinstance(error, EngineCrashed) and error.log_tail:
            self.note(f"The engine's log ends with:\n{error.log_tail}")

    def show(self, text: str) -> None:
        """Print something that was asked for; raises `ReaderGone` where it can't."""
        self.write(printable.prose(text) + "\n")

    def write(self, text: str) -> None:
        """Print text that is safe to print, and see that it arrives; raises as `show`."""
        standard_output.write(self._answers, text)


class Answer:
    """Prints a growing answer sentence by sentence: a screen reader reads what is whole."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._safe = printable.ProseStream()
        self._held = ""
        self._line_open = False

    def feed(self, text: str) -> None:
        self._held += self._safe.feed(text)
        ready = self._ready()
        if ready:
            self._write(self._held[:ready])
            self._held = self._held[ready:]

    def end(self) -> None:
        held, self._held = self._held, ""
        self._write(held)
        if self._line_open:
            self._write("\n")

    def _ready(self) -> int:
        """How many characters of what is held back are whole sentences or lines."""
        ends = [match.end() for match in _SENTENCE.finditer(self._held)]
        ready = max(self._held.rfind("\n") + 1, *ends, 0) if ends else self._held.rfind("\n") + 1
        if not ready and len(self._held) > _LONGEST:
            ready = self._held.rfind(" ") + 1 or len(self._held)
        return ready

    def _write(self, text: str) -> None:
        if text:
            self._printer.write(text)
            self._line_open = not text.endswith("\n")
