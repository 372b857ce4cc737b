"""Comparing on the chat screen: the same question to two models, one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from textual import on, work

from vlmtui.chat.comparison import Asked, Began, Comparison, Exchanged, Exchanging, Failed
from vlmtui.chat.events import AnswerSaved
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart, Role
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat.chat_hardware import ChatHardware
from vlmtui.ui.screens.chat.chat_models import ChatModels, SwitchBegan, SwitchEnded
from vlmtui.ui.screens.chat.chat_work import LoadFailed, TurnEnded

if TYPE_CHECKING:
    from textual.worker import Worker

    from vlmtui.ui.screens.compare_screen import CompareScreen

_ARGUMENT = re.compile(r"(\S+)\s+(\S+)(?:\s+(\S.*))?", re.DOTALL)


class Refused(msgspec.Struct, frozen=True):
    """One of the models isn't there: nothing was asked."""

    error: VlmtuiError
    typed: str


class Opened(msgspec.Struct, frozen=True):
    """Both models are known: the comparison begins."""

    models: tuple[str, ...]


class Ended(msgspec.Struct, frozen=True):
    """The comparison is over, and the model from before is back."""

    thread: Sequence[StoredMessage]


class ChatCompare(ChatModels):
    """Comparing two models."""

    _models: tuple[str, str] | None = None
    """Who is to answer the question that is being prepared."""

    _comparing: Comparison | None = None
    """What goes on in the thread, or went on last."""

    _comparison: CompareScreen | None = None
    _column = 0
    _answer_id: dict[int, int]
    """Columns by the id of their answer."""

    def on_mount(self) -> None:
        """Follow the models in their columns."""
        self.watch(self, "engine_state", self._show_phase)

    def command_compare(self, argument: str) -> None:
        """Have two models answer one question: the last one, or that behind their names."""
        match = _ARGUMENT.fullmatch(argument)
        if match is None:
            self.prompt.say("/compare needs two models", "/compare demo llava:7b", error=True)
            return
        first, second, question = match[1], match[2], match[3]
        if not question and not self._last_question():
            self.prompt.say("There is no question yet", "Write one behind the two names")
            return
        self.prompt.say()
        if question:
            self._models = (first, second)
            self._begin_turn()
            self.prepare(question, self.prompt.tokens(question))
        else:
            self._again = True
            self._begin_turn()
            self._compare((first, second), None)

    def send(self, text: str, images: tuple[ImagePart, ...], places: tuple[int, ...]) -> None:
        """Send a question, or ask it of both models."""
        models, self._models = self._models, None
        if models is None:
            super().send(text, images, places)
        else:
            self._compare(models, Asked(text, images, places))

    def _settle(self) -> None:
        super()._settle()
        self._models = None

    def _last_question(self) -> str:
        for entry in reversed(self.transcript.messages()):
            if entry.stored.message.role is Role.USER:
                return entry.stored.message.text or "a picture"
        return ""

    # ------------------------------------------------------------------ in the thread

    @work(thread=True, exclusive=True, group="turn", exit_on_error=False)
    def _compare(self, names: tuple[str, str], question: Asked | None) -> None:
        """Have one model after the other answer, and go back to the one from before."""
        session = self._session
        try:
            loads = [self._shelf.load(name) for name in names]
        except VlmtuiError as error:
            asked = question.text if question is not None else ""
            self._inbox.put(Refused(error, f"/compare {' '.join(names)} {asked}".rstrip()))
            self._inbox.put(TurnEnded())
            return
        self._comparing = comparison = Comparison(session, loads, question)
        if self._left:
            return
        self._inbox.put(Opened(tuple(load.name for load in loads)))
        try:
            for step in comparison.run():
                self._inbox.put(self._told(step))
            if comparison.left:
                return
            self._inbox.put(Ended(session.transcript()))
        except VlmtuiError as error:
            self._inbox.put(LoadFailed(error))
            self._inbox.put(Ended(()))
        self._inbox.put(TurnEnded())

    def _told(self, step: object) -> object:
        """A step as the screen knows it: an exchange is a switch like any other."""
        match step:
            case Exchanging(model=model):
                return SwitchBegan(model, self._switches)
            case Exchanged(model=model):
                return SwitchEnded(model, self._switches)
            case _:
                return step

    # ------------------------------------------------------------------ on the screen

    def leave(self) -> Worker[None]:
        """Begin nothing more."""
        if self._comparing is not None:
            self._comparing.stop(leaving=True)
        return super().leave()

    def _stop_comparing(self) -> None:
        if self._comparing is not None:
            self._comparing.stop()
        self.cancel_turn()

    async def _react(self, item: object) -> None:
        match item:
            case Refused(error=error, typed=typed):
                self._unsent = None
                if not self.prompt.text:
                    self.prompt.text = typed
                self.prompt.say(error.message, error.hint, error=True)
            case Opened(models=models):
                await self._open_comparison(models)
            case Began(number=number):
                self._column = number
                self._again = True
                self._begin_turn()
            case Failed(error=error):
                await self.transcript.fail_answer()
                if self._comparison is not None:
                    await self._comparison.column(item.number).fail(error)
            case Ended(thread=thread):
                if self._comparison is not None:
                    self._comparison.end()
                if thread:
                    await self.transcript.show(thread)
            case AnswerSaved(stored=stored) if self._comparison is not None:
                self._answer_id[stored.id] = self._column
                self._comparison.column(self._column).finish(stored)
                await super()._react(item)
            case _:
                await super()._react(item)

    async def _open_comparison(self, models: tuple[str, ...]) -> None:
        from vlmtui.ui.screens.compare_screen import CompareScreen

        def closed(_: None) -> None:
            self._comparison = None

        self._answer_id = {}
        question = self._unsent or self._last_question()
        self._comparison = CompareScreen(question, models, self._stop_comparing)
        await self.app.push_screen(self._comparison, closed)

    def _write(self, words: list[str]) -> None:
        if words and self._comparison is not None:
            self._comparison.column(self._column).append("".join(words))
        super()._write(words)

    def _show_phase(self) -> None:
        """Tell what the model of the column does."""
        if self._comparison is not None and self._turn:
            self._comparison.column(self._column).phase(self.engine_state.label())

    @on(ChatHardware.Priced)
    def _priced(self, event: ChatHardware.Priced) -> None:
        """Tell how much memory an answer took, once that is known."""
        if self._comparison is not None and event.answer.id in self._answer_id:
            self._comparison.column(self._answer_id[event.answer.id]).take(event.answer)
