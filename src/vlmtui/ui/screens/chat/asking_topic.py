"""Asking on the chat screen: a message becomes a turn, and what the turn tells is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, StorageWarning, UserSaved
from vlmtui.commands.event_words import said_of
from vlmtui.commands.outcomes import Ask, Attached, Question
from vlmtui.compose import mentions
from vlmtui.engine.base import Adjusted, Encoded, Notice
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.ui.screens.chat.stream import Words
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.turn import Turn

if TYPE_CHECKING:
    from vlmtui.chat.session import ChatSession


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

    # ------------------------------------------------------------------ sending

    def send(self, typed: str) -> None:
        """Send what was typed; it stays in the composer until it can be."""
        Turn(self.chat).begin(self._prepared(typed))

    def _begin(self, ask: Ask) -> None:
        self.chat.prompt.say()
        Turn(self.chat).begin(ask)

    async def _prepared(self, typed: str) -> Ask | None:
        """The turn of a message; None where a picture can't be sent, which is told."""
        tokens = self.chat.prompt.tokens(typed)
        try:
            question = await self.chat.on_session(lambda session: read(session, typed, tokens))
        except Unattachable as failed:
            await self.chat.show(Attached(error=failed.error, left=(failed.path,)))
            return None
        self.chat.prompt.take(typed)  # what was typed in the meantime stays
        return self.chat.asking(question)

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


class Unattachable(Exception):
    """A picture that a message mentions can't be sent."""

    def __init__(self, error: VlmtuiError, path: str) -> None:
        super().__init__(error)
        self.error = error
        self.path = path


def read(session: ChatSession, typed: str, tokens: Sequence[mentions.Token]) -> Question:
    """What a text asks: its mentions become pictures. Reads and copies files.

    Raises:
        Unattachable: One of them can't.
    """
    found = list(tokens)
    for mention in mentions.pictures(typed, tokens):
        try:
            images = pictures(session, mention.path)
        except VlmtuiError as error:
            raise Unattachable(error, mention.path) from error
        start = mention.start
        for image in images:
            found.append(mentions.Token(start, mention.end, image))
            start = mention.end
    draft = mentions.take_out(typed, found)
    return Question(draft.text, draft.images, draft.places, typed)


def pictures(session: ChatSession, reference: str) -> list[ImagePart]:
    """The pictures that a reference means, checked and copied."""
    from vlmtui.compose import recent_pictures, references

    found = references.resolve(reference)
    images = [session.attach(Path(path)) for path in found]
    recent_pictures.note(found)
    return images
