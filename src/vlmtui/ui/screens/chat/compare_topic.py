"""Comparing on the chat screen: the same question to two models, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui.chat.chat_events import AnswerSaved
from vlmtui.chat.comparison import Began, Failed
from vlmtui.commands.outcomes import Ask, Compare
from vlmtui.ui.screens.chat.machine_topic import Priced
from vlmtui.ui.screens.chat.stream import Words
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.turn import Turn

if TYPE_CHECKING:
    from vlmtui.ui.screens.compare_screen import CompareScreen, ModelColumn


class ComparisonTurn(Turn):
    """A turn of several models: a column shows what each of them does.

    Attributes:
        columns: The screen with them, while it is open.
        number: The column of the model whose turn it is.
    """

    def __init__(self, chat: ChatContext, compare: Compare) -> None:
        super().__init__(chat)
        self._compare = compare
        self.columns: CompareScreen | None = None
        self.number = 0

    async def _follow(self, ask: Ask) -> None:
        from vlmtui.ui.screens.compare_screen import CompareScreen

        def closed(_: None) -> None:
            self.columns = None

        self.columns = CompareScreen(self._compare.asked, self._compare.models, self.stop)
        await self._chat.screen.app.push_screen(self.columns, closed)
        try:
            await super()._follow(ask)
        finally:
            if self.columns is not None and not self._chat.left:
                self.columns.end()
        if not self._chat.left:
            await self._show_again()

    def model_began(self, number: int) -> None:
        self.number = number
        self.answer = None
        self.mark_begin()

    def stop(self) -> None:
        """End it; the model from before comes back."""
        self._compare.comparison.stop()
        self.cancel()

    def leave(self) -> None:
        self._compare.comparison.stop(leaving=True)
        super().leave()


class CompareTopic(Topic):
    """Comparing two models."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._turn: ComparisonTurn | None = None
        self._column_of: dict[int, int] = {}
        """By the id of the answer in it."""

        chat.watch("engine_state", self._show_phase)
        chat.commands.shows[Compare] = self._begin
        chat.handlers[Began].append(self._began)
        chat.handlers[Failed].append(self._failed)
        chat.handlers[Words].append(self._append)
        chat.handlers[AnswerSaved].append(self._answer_saved)
        chat.handlers[Priced].append(self._priced)

    @property
    def _columns(self) -> CompareScreen | None:
        return self._turn.columns if self._turn is not None else None

    def _begin(self, compare: Compare) -> None:
        self.chat.prompt.say()
        self._column_of = {}
        self._turn = ComparisonTurn(self.chat, compare)
        self._turn.begin(compare)

    def _began(self, event: Began) -> None:
        if self._turn is not None:
            self._turn.model_began(event.number)

    @property
    def _column(self) -> ModelColumn | None:
        """That of the model whose turn it is, while the columns are shown."""
        if self._turn is None or self._columns is None:
            return None
        return self._columns.column(self._turn.number)

    async def _failed(self, event: Failed) -> None:
        await self.chat.transcript.fail_answer()
        if self._columns is not None:
            await self._columns.column(event.number).fail(event.error)

    def _append(self, words: Words) -> None:
        if self.chat.busy and (column := self._column) is not None:
            column.append(words.text)

    def _answer_saved(self, event: AnswerSaved) -> None:
        if self._turn is not None and (column := self._column) is not None:
            self._column_of[event.stored.id] = self._turn.number
            column.finish(event.stored)

    def _priced(self, event: Priced) -> None:
        """Tell how much memory an answer took, once that is known."""
        if self._columns is not None and event.answer.id in self._column_of:
            self._columns.column(self._column_of[event.answer.id]).take(event.answer)

    def _show_phase(self) -> None:
        if self.chat.busy and (column := self._column) is not None:
            column.phase(self.chat.screen.engine_state.label())
