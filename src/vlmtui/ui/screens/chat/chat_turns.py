"""A turn on the chat screen: it begins, its events arrive, it ends well or not.

The widgets are those of `chat`; the threads behind it are those of `chat_work`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.worker import Worker

from vlmtui.chat.events import AnswerSaved, AnswerStarted, StorageWarning, UserSaved
from vlmtui.engine.base import Adjusted, Delta, Encoded, Notice, Trimmed
from vlmtui.errors import (
    EmptyPrompt,
    EngineCrashed,
    MessageNotFound,
    NothingToContinue,
    TurnRunning,
    VlmtuiError,
)
from vlmtui.messages import ImagePart
from vlmtui.stats.engine_state import EngineState, Phase, begin, fold, idle, stopping, unloaded
from vlmtui.storage.records import Chat, StoredMessage
from vlmtui.terminal.driver import is_slow
from vlmtui.ui.screens.chat.chat_work import ChatWork, LoadEnded, LoadFailed, TurnEnded, TurnFailed
from vlmtui.ui.widgets.composer.prompt_area import Prompt
from vlmtui.ui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.hardware.base import Snapshot
    from vlmtui.ui.screens.chat.chat_work import OpenSession
    from vlmtui.ui.screens.chat.topic import ChatContext
    from vlmtui.ui.widgets.transcript.answer_block import Answer

REDRAW_SECONDS = 0.1
"""Least time between two updates of a streaming answer."""

SLOW_REDRAW_SECONDS = 0.2
"""The same where the terminal doesn't keep up."""

COUNT_SECONDS = 0.25
"""Least time between two counts of the tokens: figures that change faster can't be read, and each
one is drawn in two places far from the text."""

_COST_SHARE = 8
"""A redraw that took long is followed by a pause this many times as long, so that drawing never
takes more than about a ninth of a core however long the answer is."""

_NOTHING_DONE = (EmptyPrompt, MessageNotFound, NothingToContinue, TurnRunning)
"""What is wrong with a command, and no part of the chat that it was given in."""

_DOING = {
    "load": "loading the model",
    "encode": "encoding a picture",
    "prefill": "reading the prompt",
    "decode": "answering",
}


class ChatTurns(ChatWork):
    """A screen with a transcript and a prompt, on which turns happen."""

    # a screen that repaints itself repaints everything, pictures included
    engine_state: reactive[EngineState] = reactive(EngineState(), repaint=False)
    snapshot: reactive[Snapshot | None] = reactive["Snapshot | None"](None, repaint=False)
    chat: reactive[Chat | None] = reactive[Chat | None](None, repaint=False)
    """The chat that is open, once it is on disk."""

    image: reactive[ImagePart | None] = reactive[ImagePart | None](None, repaint=False)
    """What the side pane shows: attached last, or else shown last in the chat."""

    _undo: tuple[Callable[[], object], ...] = ()
    _topics: ChatContext

    def __init__(self, open_session: OpenSession, *, model: str, log: Path | None) -> None:
        """Make the screen.

        Args:
            open_session: Opens the conversation; called in a thread, after the first paint.
            model: What the user calls the model that will be loaded.
            log: Where the engine writes its log.
        """
        super().__init__(open_session)
        self._log_path = log
        self._answer: Answer | None = None
        """What is being written."""

        self._unsent: str | None = None
        """A question that may not be on disk yet."""

        self._turn = False
        """A turn is going on: nothing else may change the chat."""

        self._again = False
        """It changes what stood there before: when it fails, the disk tells what does now."""

        self._left = False
        """The screen is being left: nothing is shown any more."""

        self._last_in_chat: ImagePart | None = None
        self._not_before = 0.0
        self._uncounted: tuple[Delta, float] | None = None
        self._count_at = 0.0
        self.set_reactive(ChatTurns.engine_state, EngineState(phase=Phase.LOADING, model=model))

    @property
    def in_turn(self) -> bool:
        """Whether a turn is going on."""
        return self._turn

    @property
    def prompt(self) -> Prompt:
        """The lower part."""
        return self.query_one(Prompt)

    @property
    def transcript(self) -> Transcript:
        """The upper part."""
        return self.query_one(Transcript)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """Attached to the next message: what stands in the composer."""
        return self.prompt.images

    # ------------------------------------------------------------------ deleted, and brought back

    def offer_undo(self, undo: Callable[[], object]) -> None:
        """Something was deleted; `undo` brings it back."""
        self._undo = (*self._undo, undo)

    def undo_deletion(self) -> None:
        """Bring back what was deleted last, whatever it was."""
        if self._turn:
            self.prompt.say("An answer is on its way", "Esc stops it")
        elif not self._undo:
            self.prompt.say("Nothing was deleted since vlmtui began")
        else:
            *others, undo = self._undo
            self._undo = tuple(others)
            undo()

    def _choose_image(self) -> None:
        self.image = self.images[-1] if self.images else self._last_in_chat

    def _choose_image_of(self, thread: Sequence[StoredMessage]) -> None:
        """The same for another chat, or another branch of it."""
        for told in self._topics.chat_shown:
            told(thread)
        pictures = [image for stored in thread for image in stored.message.images]
        self._last_in_chat = pictures[-1] if pictures else None
        self._choose_image()

    # ------------------------------------------------------------------ asking

    def on_chat_work_prepared(self, event: ChatWork.Prepared) -> None:
        """Send; the text is kept until it is safely on disk."""
        self._unsent = event.typed
        self.prompt.take(event.typed)  # what was typed or attached in the meantime stays
        self.send(event.draft.text, event.draft.images, event.draft.places)

    def send(self, text: str, images: tuple[ImagePart, ...], places: tuple[int, ...]) -> None:
        """Send a question."""
        self.ask(text, images, places)

    def _begin_turn(self) -> None:
        self._turn = True
        self.engine_state = begin(self.engine_state, time.monotonic())
        for told in self._topics.turn_began:
            told()

    def _settle(self) -> None:
        """No turn is going on any more."""
        self._turn = False
        self._again = False
        self._answer = None
        if self.engine_state.phase is not Phase.LOADING:
            self.engine_state = idle(self.engine_state)
        for told in self._topics.turn_ended:
            told()

    # ------------------------------------------------------------------ what arrives

    def on_chat_work_arrived(self) -> None:
        """Take the inbox now, or when the last redraw is long enough ago."""
        wait = self._not_before - time.monotonic()
        if wait > 0:
            self.set_timer(wait, self._take_inbox)
        else:
            self.call_next(self._take_inbox)

    async def _take_inbox(self) -> None:
        if self._left:
            return  # what still comes is on disk, and the widgets are going
        began = time.monotonic()
        words: list[str] = []
        for item, when in self._inbox.take():
            if isinstance(item, Delta):
                words.append(item.text)
                self._uncounted = (item, when)
                if self.engine_state.phase is not Phase.DECODING:
                    self._count()
                continue
            self._write(words)
            self._count()
            self.engine_state = fold(self.engine_state, item, when)
            await self._react(item)
            await self._topics.tell(self._topics.follows[type(item)], item)
        self._write(words)
        if began >= self._count_at:
            self._count()
        now = time.monotonic()
        least = SLOW_REDRAW_SECONDS if is_slow(self.app) else REDRAW_SECONDS
        self._not_before = max(began + least, now + _COST_SHARE * (now - began))

    def _count(self) -> None:
        """Bring the figures up to the last token; a token knows how many there are."""
        if self._uncounted is not None:
            self.engine_state = fold(self.engine_state, *self._uncounted)
            self._uncounted = None
            self._count_at = time.monotonic() + COUNT_SECONDS

    def _write(self, words: list[str]) -> None:
        if words and self._answer is not None:
            self._answer.append("".join(words))
        words.clear()

    async def _react(self, item: object) -> None:
        match item:
            case UserSaved(stored=stored):
                self._unsent = None
                self.chat = self._session.chat
                pictures = stored.message.images
                self._last_in_chat = pictures[-1] if pictures else self._last_in_chat
                self._choose_image()
                await self.transcript.ask(stored)
            case AnswerStarted(stored=stored):
                self._answer = await self.transcript.begin_answer(stored)
            case AnswerSaved(stored=stored):
                await self.transcript.end_answer(stored)
                self.transcript.price(stored.stats)
            case Adjusted(why=why, changes=changes):
                took = f"The model is loaded with {changes}" if changes else "It is tried anyway"
                await self.transcript.tell(why, took, error=False)
            case Trimmed(dropped=dropped, images=images):
                await self._tell_trimmed(dropped, images)
            case Encoded(reused=False, scaled_to=(width, height)):
                await self.transcript.tell(
                    f"The model gets a picture scaled down to {width}×{height} pixels: in full it "
                    "would fill the context",
                    "A larger ctx in the settings gives it more pixels",
                    error=False,
                )
            case StorageWarning(message=message, hint=hint) | Notice(message=message, hint=hint):
                await self.transcript.tell(message, hint, error=False)
            case TurnFailed(error=error):
                await self._turn_failed(error)
            case TurnEnded():
                self._settle()
            case LoadFailed(error=error):
                await self._tell(error)
            case LoadEnded() if not self._turn:
                self.engine_state = idle(self.engine_state)

    async def _tell_trimmed(self, dropped: int, images: int) -> None:
        """Say what the context had no room for; `ChatFigures` knows the pictures."""

    async def _turn_failed(self, error: VlmtuiError) -> None:
        if self._unsent is not None:  # it never reached the disk: give it back
            typed, self._unsent = self._unsent, None
            if not self.prompt.text:
                self.prompt.text = typed
            self.prompt.say(error.message, error.hint, error=True)
            return
        await self.transcript.fail_answer()
        if self._again:  # the earlier answer may be back
            self.restore(error=error)
        else:
            await self._tell(error)

    async def _tell(self, error: VlmtuiError) -> None:
        if self._left:
            return
        if isinstance(error, _NOTHING_DONE):
            self.prompt.say(error.message, error.hint, error=True)
            return
        if isinstance(error, EngineCrashed):
            self.engine_state = unloaded(self.engine_state)
        details = self._circumstances(error)
        await self.transcript.tell(error.message, error.hint, details, error=True)

    def _circumstances(self, error: BaseException | None) -> str:
        """What the engine's process was doing when it died, and where its log is."""
        if not isinstance(error, EngineCrashed):
            return ""
        lines = [f"It was {_DOING.get(error.phase, error.phase)}"] if error.phase else []
        if self._log_path is not None and str(self._log_path) not in error.hint:
            lines.append(f"Its log: {self._log_path}")
        return "\n".join(lines)

    def leave(self) -> Worker[None]:
        """Save the composer, stop what runs, end the engine; done when the worker is."""
        self._left = True
        for told in self._topics.leaving:
            told()
        if self._turn:
            self.engine_state = stopping(self.engine_state)
        return self.close_session(self.prompt.draft)
