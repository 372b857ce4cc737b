"""The answer goes to standard output, as text or JSON; progress and statistics to standard error.

Standard error is written only when it is a terminal, and progress is erased before anything else
appears. A terminal is never sent control characters that the model wrote; a file or a pipe gets the
answer as it is.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from contextlib import suppress
from typing import Any, TextIO

from vlmtui import standard_output, units
from vlmtui.ask.turn import Turn
from vlmtui.commands.event_words import note_on
from vlmtui.commands.outcomes import Said
from vlmtui.engine import engine_events as events
from vlmtui.errors import VlmtuiError
from vlmtui.printable import ProseStream, prose
from vlmtui.standard_output import ReaderGone
from vlmtui.stats.engine_progress import waits_for

_ERASE_LINE = "\r\x1b[K"
_REFRESH_S = 0.1
_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON leaves as it is and a terminal or a line-wise reader acts on."""


class TextOutput:
    """The answers as text, flushed at each token, with an empty line between two turns."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._terminal = sys.stdout.isatty()
        self._safe = ProseStream() if self._terminal else None
        self._turns = 0
        self._last = "\n"

    def delta(self, text: str) -> None:
        if self._safe is not None:
            text = self._safe.feed(text)
        if not text:
            return
        if self._terminal:
            self._progress.rest()
        if self._turns and not self._last:
            text = "\n" + text
        _write(text)
        self._last = text[-1]

    def end(self, turn: Turn) -> None:
        self._end_line()
        self._turns += 1
        self._last = ""
        self._progress.statistics(turn.stats)

    def abandon(self) -> None:
        """End the line of what was written so far."""
        with suppress(ReaderGone, VlmtuiError):
            self._end_line()

    def close(self) -> None:
        """Nothing is held back."""

    def _end_line(self) -> None:
        if self._last not in ("", "\n"):
            _write("\n")
            self._last = "\n"


class JsonOutput:
    """One object, or an array of one object a turn, written at the end."""

    def __init__(self, model: str, *, array: bool) -> None:
        self._model = model
        self._array = array
        self._turns: list[dict[str, Any]] = []

    def delta(self, text: str) -> None:
        """Wait for the end of the turn."""

    def end(self, turn: Turn) -> None:
        self._turns.append(turn.as_json(self._model))

    def abandon(self) -> None:
        """A failure prints no JSON."""

    def close(self) -> None:
        content = self._turns if self._array else self._turns[0]
        encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
        text = json.dumps(content, ensure_ascii=encoding != "utf8", indent=2)
        _write(_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


Output = TextOutput | JsonOutput


class Progress:
    """One line on standard error that says what the engine is doing, and is erased again."""

    def __init__(self, *, wanted: bool, thought: bool = False) -> None:
        """Begin with nothing to say, if there is to be such a line at all.

        What the model thinks is written, if that is wanted, whether this is a terminal or not.
        """
        terminal = sys.stderr.isatty()
        self._thought: ProseStream | None = ProseStream() if thought else None
        self._thought_open = False
        self._wanted = wanted
        self._stream: TextIO | None = None
        if wanted and terminal and os.environ.get("TERM") != "dumb":
            self._stream = sys.stderr
        self._shown = False
        self._resting = False
        self._next = 0.0

    def event(self, event: events.Event) -> None:
        if self._thought_open and isinstance(event, events.Delta | events.Finished):
            self._write_thought("\n")
            self._thought_open = False
        match event:
            case events.Waiting():
                self._show(waits_for(event), True)
            case events.Loading(fraction=fraction):
                self._show(f"loading the model, {fraction:.0%}")
            case events.Encoding(image=image, of=of):
                self._show(
                    f"encoding picture {image}/{of}" if of > 1 else "encoding the picture", True
                )
            case events.Prefill(done=done, total=total) if total:
                self._show(f"reading the prompt, {done / total:.0%}")
            case events.Thought(text=text, tokens=tokens):
                if self._thought is None:
                    self._show(f"thinking, {tokens:,} tokens")
                else:
                    self._write_thought(text)
            case events.Delta(tokens=tokens):
                self._show(f"answering, {tokens:,} tokens")
            case events.Notice(kind="invalid"):
                pass  # the error that ends the command says it
            case events.Adjusted() | events.Notice():
                self._warn(_sentences(note_on(event), advice=True))
            case events.Trimmed():
                self._warn(_sentences(note_on(event)))
            case events.Encoded(reused=False, scaled_to=(_, _)):
                self._note(_sentences(note_on(event)))
            case events.Loaded() | events.Finished():
                self.clear()
                self._resting = False

    def rest(self) -> None:
        """Erase the line and keep quiet until the turn ends: the answer is on the screen."""
        self.clear()
        self._resting = True

    def statistics(self, stats: events.Stats) -> None:
        if not stats.generated_tokens:
            return
        known = stats.context_used and stats.context_size  # not every server tells
        self._note(
            f"{stats.generated_tokens:,} tokens, {units.rate(stats.decode_tokens_per_s)} tok/s; "
            f"first token after {units.seconds(stats.time_to_first_token_s)}"
            + (f"; context {stats.context_used:,} of {stats.context_size:,}" if known else "")
        )

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            self._write(_ERASE_LINE)

    def _show(self, text: str, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._resting or (now < self._next and not at_once):
            return
        self._next = now + _REFRESH_S
        self._shown = self._stream is not None
        self._write(f"{_ERASE_LINE}{text}")

    def _write_thought(self, text: str) -> None:
        """Write what is thought, as it comes."""
        assert self._thought is not None
        self.clear()
        if not self._thought_open:
            text = text.lstrip()
        if said := self._thought.feed(text):
            self._thought_open = True
            with suppress(OSError):  # the answer may still be wanted
                sys.stderr.write(said)
                sys.stderr.flush()

    def _note(self, text: str) -> None:
        self.clear()
        self._write(f"\x1b[2m{text}\x1b[22m\n")

    def _warn(self, text: str) -> None:
        """Say what a script's log should have too; where no terminal is, in a plain line."""
        if self._stream is not None:
            self._note(text)
        elif self._wanted:
            with suppress(OSError):
                print(prose(text), file=sys.stderr)

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal has gone; the answer may still be wanted
            self._stream = None


def _write(text: str) -> None:
    """Write to standard output and see that it arrives.

    Raises:
        ReaderGone: The reader has gone.
        VlmtuiError: It can't be written to, for example because a disk is full.
    """
    try:
        standard_output.write(sys.stdout, text)
    except ReaderGone as gone:
        if gone.reason:
            raise standard_output.unwritable(gone.reason) from None
        raise


def _sentences(said: Said | None, *, advice: bool = False) -> str:
    if said is None:
        return ""
    parts = (said.message, said.advice if advice else "")
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)
