"""A turn on the chat screen: a question on its way to its answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING

from vlmtui import crash_log
from vlmtui.chat.chat_events import UserSaved
from vlmtui.commands.outcomes import Ask
from vlmtui.errors import VlmtuiError
from vlmtui.stats.engine_progress import begin, idle, stopping
from vlmtui.stats.engine_state import Phase
from vlmtui.ui.screens.chat.chat_facts import TurnBegan, TurnEnded

if TYPE_CHECKING:
    from vlmtui.ui.screens.chat.topic import ChatContext
    from vlmtui.ui.widgets.transcript.answer_block import Answer


class Turn:
    """While it goes on, nothing else may change the chat.

    It alone owns its question until that is on disk: whatever ends the turn before, the question
    is put where it was typed, and drafts have it until then.

    Attributes:
        answer: What is being written, once it has begun.
    """

    def __init__(self, chat: ChatContext) -> None:
        self._chat = chat
        self.unsaved = ""
        """What was typed, as long as it is neither in the composer nor in the chat."""

        self._before = chat.screen.engine_state
        self._stopped = self._broken = self._concluded = False
        self.answer: Answer | None = None

    def begin(self, ask: Awaitable[Ask | None] | Ask) -> None:
        """Begin; nothing else may until it has ended.

        Args:
            ask: What is asked, or what finds that out and takes it out of the composer; None where
                nothing can be asked, and where it was told why.
        """
        if isinstance(ask, Ask) and self._chat.must_wait():  # another was quicker
            self.unsaved = ask.typed
            self._give_back()
            return
        self._chat.turn = self
        self.mark_begin()
        self._chat.start(self._run(ask), "turn")

    def mark_begin(self) -> None:
        """What is measured, is measured from now on."""
        screen = self._chat.screen
        self._before = screen.engine_state
        screen.engine_state = begin(screen.engine_state, time.monotonic())
        self._chat.emit_now(TurnBegan())

    async def _run(self, asking: Awaitable[Ask | None] | Ask) -> None:
        ask: Ask | None = None
        try:
            ask = asking if isinstance(asking, Ask) else await asking
            if ask is not None:
                self.unsaved = ask.typed
                await self._chat.restored.wait()  # what was read before it would be shown over it
                await self._follow(ask)
        except Exception as error:
            await self._failed(ask, crash_log.recorded(error))
        finally:
            if not self._chat.left:  # else drafts still have to know what isn't saved
                screen = self._chat.screen
                asked = ask is not None and not self.unsaved
                before = self._before
                same = before.phase is Phase.READY and screen.engine_state.info is before.info
                if same and not asked:
                    screen.engine_state = before  # what the last answer took still holds
                self._give_back()
                self._settle()

    async def _follow(self, ask: Ask) -> None:
        if not self._stopped:
            await self._chat.stream.follow(lambda: self._noting(ask.events()))

    def _noting(self, events: Iterator[object]) -> Iterator[object]:
        """The same events; in their thread, since drafts must know at once what is saved."""
        for event in events:
            if isinstance(event, UserSaved):
                self.unsaved = ""
            yield event

    def stop(self) -> None:
        """End a thought, so that the answer begins; else, or the second time, `cancel`."""
        state = self._chat.screen.engine_state
        can = state.info is not None and "conclude" in state.info.can
        if state.phase is Phase.THINKING and can and not self._concluded:
            self._concluded = True
            self._chat.start(self._conclude(), "cancel")
        else:
            if state.phase is Phase.THINKING and not can and not self._stopped:
                self._chat.prompt.say("Its server can't end a thought alone: the answer stops")
            self.cancel()

    async def _conclude(self) -> None:
        if await self._chat.on_session(lambda session: session.stop()):
            self._chat.prompt.say("The thought ends, and the answer begins", "Esc stops that, too")
        else:
            self.cancel()

    def cancel(self) -> None:
        """End it soon; what the answer has so far is kept, and what waits for it isn't sent."""
        if not self._stopped:
            self._chat.prompt.take_back()
        self._stopped = True
        screen = self._chat.screen
        screen.engine_state = stopping(screen.engine_state)
        self._chat.cancel()

    def leave(self) -> None:
        """The screen is being left: the conversation is closed, and nobody waits for the end."""
        screen = self._chat.screen
        screen.engine_state = stopping(screen.engine_state)

    async def _failed(self, ask: Ask | None, error: VlmtuiError) -> None:
        self._broken = True
        if self._chat.left:
            return
        if ask is None or self.unsaved:
            self._chat.complain(error)
            return
        await self._chat.transcript.fail_answer()
        if ask.changes:  # the earlier answer may be back
            await self._show_again()
        await self._chat.report(error)

    async def _show_again(self) -> None:
        try:
            thread = await self._chat.on_session(lambda session: session.transcript())
        except VlmtuiError as error:
            await self._chat.report(error)
        else:
            await self._chat.show_thread(thread)

    def _give_back(self) -> None:
        """Put the question where it was typed, before what was typed since."""
        typed, self.unsaved = self.unsaved, ""
        self._chat.prompt.put_before(typed)

    def _settle(self) -> None:
        """No turn is going on any more."""
        screen = self._chat.screen
        if self._concluded:
            self._chat.prompt.say()
        self._chat.turn = None
        if screen.engine_state.phase is not Phase.LOADING:
            screen.engine_state = idle(screen.engine_state)
        self._chat.emit_now(TurnEnded(well=self._stopped or not self._broken))
