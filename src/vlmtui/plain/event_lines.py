"""A turn, a load or a comparison, told in lines as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from vlmtui import printable
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, GoingBack, StorageWarning
from vlmtui.chat.comparison import Began, Exchanging, Failed
from vlmtui.commands.event_words import note_after, note_on
from vlmtui.engine.engine_events import Delta, Encoding, Loading, Prefill, Thought, Waiting
from vlmtui.plain.printer import Answer, Printer
from vlmtui.standard_output import ReaderGone
from vlmtui.stats import answer_stats
from vlmtui.stats.engine_progress import waits_for
from vlmtui.storage.records import StoredMessage

_LONG_PROMPT = 1500
"""Tokens from which reading the prompt takes long enough to be told, on a small board."""

_NAME = 40


class EventPrinter:
    """Tells the events of one request. Each phase has one line at most: there are no spinners.

    Attributes:
        answers: The answers as they were stored.
        stopped: The user wanted no more.
    """

    def __init__(self, printer: Printer) -> None:
        self.answers: list[StoredMessage] = []
        self.stopped = False
        self._printer = printer
        self._answer: Answer | None = None
        self._said: set[str] = set()

    def follow(self, events: Iterator[object]) -> None:
        """Tell the events as they come; what they raise goes on to the caller."""
        try:
            for event in events:
                self._print(event)
        finally:
            with suppress(ReaderGone):  # what ended it is told
                self._end_answer()

    def _print(self, event: object) -> None:
        match event:
            case Waiting():
                words = waits_for(event)
                self._once(f"wait {event.model}", f"{words[0].upper()}{words[1:]} …")
            case Loading():
                self._once("load", "Loading the model …")
            case Encoding(image=image, of=of):
                which = f"picture {image} of {of}" if of > 1 else "the picture"
                self._once(f"encode {image}", f"Encoding {which} …")
            case Prefill(total=total, reused=reused) if total - reused > _LONG_PROMPT:
                self._once("prefill", f"Reading {total - reused:,} tokens …")
            case AnswerStarted():
                self._answer = Answer(self._printer)
            case Thought():
                self._once("think", "Thinking …")
            case Delta(text=text) if self._answer is not None:
                self._answer.feed(text)
            case AnswerSaved(stored=stored):
                self._end_answer()
                self.answers.append(stored)
                self._print_thought(stored)
            case StorageWarning(message=message, hint=hint):
                self._printer.note(message, hint)
            case GoingBack(model=model):
                self._printer.note(f"Going back to {printable.line(model, _NAME)} …")
            case _ if (said := note_on(event)) is not None:
                self._printer.note(said.message, said.advice)
            case _:
                self._print_comparison(event)

    def _print_thought(self, stored: StoredMessage) -> None:
        if (said := note_after(stored)) is not None:
            self._printer.note(said.message, said.advice)
        if stored.message.thought.strip():
            took = answer_stats.thought(stored.stats or {})
            self._printer.note(f"Thought{took and f' for {took}'}; /thought shows it")

    def _print_comparison(self, event: object) -> None:
        match event:
            case Began(model=model):
                self._end_answer()
                self._printer.show(f"{printable.line(model, _NAME)}:")
            case Exchanging():
                self._said.clear()  # another model is loaded, and encodes the pictures again
            case Failed(error=error):
                self._end_answer()
                self._printer.complain(error)

    def _end_answer(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.end()

    def _once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._printer.note(text)
