"""Asking on the chat screen: a message becomes a turn, and what the turn tells is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, StorageWarning, UserSaved
from vlmtui.commands.event_words import said_of
from vlmtui.commands.outcomes import Ask, Outcome
from vlmtui.engine.base import Adjusted, Encoded, Notice
from vlmtui.ui.screens.chat.stream import Words
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.turn import Turn

if TYPE_CHECKING:
    from vlmtui.commands.context import CommandContext


class AskingTopic(Topic):
    """Questions, and their answers as they come."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.shows[Ask] = self._begin
        chat.follows[UserSaved].append(self._question_saved)
        chat.follows[AnswerStarted].append(self._answer_started)
        chat.follows[Words].append(self._said)
        chat.follows[AnswerSaved].append(self._answer_saved)
        chat.follows[Adjusted].append(self._tell)
        chat.follows[Encoded].append(self._tell)
        chat.follows[Notice].append(self._tell)
        chat.follows[StorageWarning].append(self._not_stored)

    def _begin(self, ask: Ask) -> None:
        self.chat.prompt.say()
        Turn(self.chat).begin(ask)

    def send(self, typed: str) -> None:
        """Send what was typed; it stays in the composer until it can be."""
        Turn(self.chat).begin(self._read(typed))

    async def _read(self, typed: str) -> Ask | None:
        """The turn of a message; None where something has to be asked before."""

        def read(context: CommandContext) -> Outcome:
            from vlmtui.commands import message_commands

            return (self.chat.asking or message_commands.ask)(context, typed)

        outcome = await self.chat.done(read)
        if not isinstance(outcome, Ask):
            await self.chat.show(outcome)
            return None
        self.chat.prompt.take(typed)  # what was typed in the meantime stays
        for told in self.chat.sent:
            told()
        return outcome

    # ------------------------------------------------------------------ what the turn tells

    async def _question_saved(self, event: UserSaved) -> None:
        self.chat.screen.chat = self.chat.session().chat
        await self.chat.transcript.ask(event.stored)

    async def _answer_started(self, event: AnswerStarted) -> None:
        if self.chat.turn is not None:
            self.chat.turn.answer = await self.chat.transcript.begin_answer(event.stored)

    def _said(self, words: Words) -> None:
        if self.chat.turn is not None and self.chat.turn.answer is not None:
            self.chat.turn.answer.append(words.text)

    async def _answer_saved(self, event: AnswerSaved) -> None:
        await self.chat.transcript.end_answer(event.stored)
        self.chat.transcript.price(event.stored.stats)

    async def _tell(self, event: Adjusted | Encoded | Notice) -> None:
        if (said := said_of(event)) is not None:
            await self.chat.transcript.tell(said.message, said.advice, error=False)

    async def _not_stored(self, event: StorageWarning) -> None:
        await self.chat.transcript.tell(event.message, event.hint, error=False)
