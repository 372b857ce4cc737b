"""The conversation behind the chat screen: opened, shown, exchanged for another, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.message import Message
from textual.timer import Timer

from vlmtui import crash_log
from vlmtui.commands.outcomes import Ask, ChatShown
from vlmtui.engine.base import up_to_finished
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.stats.engine_progress import idle
from vlmtui.storage.records import Draft
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.chat_facts import Leaving
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.turn import Turn
from vlmtui.ui.widgets.composer.prompt_area import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.worker import Worker

    from vlmtui.chat.session import ChatSession

    OpenSession = Callable[[], ChatSession]

_DRAFT_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
"""For so long leaving waits for the database before it looks for another place."""


class OpenFailed(Message):
    """There is no conversation, so there is nothing to stay for."""

    def __init__(self, error: VlmtuiError) -> None:
        super().__init__()
        self.error = error


class ConversationTopic(Topic):
    """Opened after the first paint: what it stands on takes longer to import than that takes.

    Attributes:
        refused: Why the database doesn't have what is in the composer, and where it is instead.
    """

    def __init__(self, chat: ChatContext, open_session: OpenSession) -> None:
        super().__init__(chat)
        self._open_session = open_session
        self._draft_timer: Timer | None = None
        self.refused: StorageError | None = None
        self._beginning = True
        """What is on disk hasn't been shown yet."""

        # read before this run saves a draft of its own: that may be sent before the chat is shown
        self._left_over = Draft()
        chat.commands.shows[ChatShown] = self._show
        chat.handlers[Prompt.Edited].append(self._edited)

    # ------------------------------------------------------------------ opened

    def begin(self) -> None:
        """Open it, show what is in it, and load the model ahead of the first question."""
        self.chat.start(in_thread(self._open), "open")
        self.chat.start(self._restore(), "restore")
        self.chat.start(self._load(), "load")

    def _open(self) -> None:
        try:
            session = self._open_session()
            with suppress(StorageError):  # what else is read tells of it
                self._left_over = session.questions.draft()
        except BaseException as error:
            failure = crash_log.recorded(error)
            self.chat.left = True
            self.chat.screen.post_message(OpenFailed(failure))
            self.chat.opened.set_exception(failure)
        else:
            self.chat.opened.set_result(session)

    async def _load(self) -> None:
        def events() -> Iterator[object]:
            return up_to_finished(self.chat.session().model.load())  # no end of a turn

        try:
            await self.chat.stream.follow(events)
        except Exception as error:
            await self.chat.report(crash_log.recorded(error))
        finally:
            if not self.chat.busy:
                self.chat.screen.engine_state = idle(self.chat.screen.engine_state)

    # ------------------------------------------------------------------ shown

    async def _restore(self) -> None:
        """Show what is on disk, and what is to be told at the start."""

        def read(session: ChatSession) -> ChatShown:
            from vlmtui.commands import chat_commands

            return ChatShown(
                session.transcript(),
                session.chat,
                self._left_over if self._left_over != Draft() else None,
                peculiarities=chat_commands.peculiarities(session),
            )

        try:
            await self._show(await self.chat.on_session(read))
        finally:
            self.chat.restored.set()
        if (warning := self.chat.session().warning) is not None:
            await self.chat.transcript.tell(warning.message, warning.hint, error=True)

    async def _show(self, shown: ChatShown) -> None:
        self.chat.screen.chat = shown.chat
        await self.chat.show_thread(shown.thread)
        self.chat.screen.remove_class("-continuing")
        prompt = self.chat.prompt
        if shown.draft is not None:
            typed = prompt.text if self.chat.draft != self.chat.commands.draft else ""
            prompt.draft = shown.draft
            prompt.put_behind(typed)  # since: it is in no other chat
        notices = [*([shown.said] if shown.said is not None else []), *shown.peculiarities]
        advice = dict.fromkeys(each.advice for each in notices if each.advice)
        if notices or not self._beginning:  # what was told meanwhile stays
            prompt.say(". ".join(each.message for each in notices), " · ".join(advice))
        self._beginning = False
        if shown.thread and shown.thread[-1].status == "streaming" and not self.chat.busy:
            written = shown.thread[-1]
            Turn(self.chat).begin(Ask(lambda: self.chat.session().watching.watch(written)))
        if shown.message_id is not None:
            await self.chat.transcript.goto(shown.message_id, shown.words)

    # ------------------------------------------------------------------ kept, and closed

    def unsaved(self) -> str:
        """Why leaving would cost words; empty where it doesn't."""
        opened = self.chat.opened
        if not opened.done() or opened.exception() is not None:
            return ""
        session = opened.result()
        if session.warning is not None and self.chat.transcript.messages():
            return "This chat is not saved"
        return "The last answer can't be saved" if session.unsaved() else ""

    @property
    def is_saved(self) -> bool:
        """Whether the chat can be opened again later."""
        opened = self.chat.opened
        return opened.done() and opened.exception() is None and opened.result().warning is None

    async def discard(self) -> None:
        """Give up a chat that is not saved, as the user wants it."""
        await self.chat.on_session(lambda session: session.questions.discard())

    def _edited(self, _: Prompt.Edited) -> None:
        """Keep the text a moment after the last change."""
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._draft_timer = self.chat.screen.set_timer(
            _DRAFT_SECONDS, lambda: self.chat.start(self._keep(self.chat.draft), "draft")
        )

    async def _keep(self, draft: Draft) -> None:
        try:
            await self.chat.on_session(
                lambda session: session.questions.save_draft(draft.text, draft.images)
            )
        except StorageError as error:  # the next change tries again, and sending tells
            self.refused = error
        else:
            self.refused = None

    def leave(self, finish_seconds: float) -> Worker[object]:
        """Save what is written, stop what runs, end the engine; done when the worker is.

        The answer that is being written may go on for so long before.
        """
        self.chat.left = True
        self.chat.emit_now(Leaving())
        if self.chat.turn is not None:
            self.chat.turn.leave()
        return self.chat.start(self._close(finish_seconds), "close")

    async def _close(self, finish_seconds: float) -> None:
        try:
            session = await in_thread(self.chat.session)
        except VlmtuiError:
            return  # there was none, as is told
        kept = self.chat.draft
        keeping = asyncio.ensure_future(self._keep(kept))
        if not (await asyncio.wait({keeping}, timeout=_PATIENCE_SECONDS))[0]:
            # whoever waits for it may end this process
            await in_thread(lambda: session.questions.set_aside(kept.text, kept.images))
        await keeping
        if finish_seconds:
            await in_thread(lambda: session.watching.finish(finish_seconds))
        await in_thread(session.close)
        if self.chat.draft != kept:  # a question has reached the disk meanwhile, and its draft left
            await self._keep(self.chat.draft)
