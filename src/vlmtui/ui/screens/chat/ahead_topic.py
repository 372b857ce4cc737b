"""Reading ahead on the chat screen: what is written and shown is in the engine before Enter."""

from __future__ import annotations

from contextlib import suppress

from textual.timer import Timer

from vlmtui.chat.chat_events import GoingBack
from vlmtui.engine.engine_events import Event, Finished, Loaded
from vlmtui.errors import VlmtuiError
from vlmtui.stats.engine_progress import ReadingProgress
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.chat_facts import CommandDone, ThreadShown, TurnBegan, TurnEnded
from vlmtui.ui.screens.chat.stream import Inbox
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.composer.prompt_area import Prompt

_PAUSE_S = 0.3
"""Seconds without a change before what is written is read."""

_LATER_S = 30.0
"""Seconds after which it is done once more: the engine keeps on the disk what it has read, and may
have put that off."""


class AheadTopic(Topic):
    """Has the conversation read what is certain of the next question."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._timer: Timer | None = None
        self._part = ""
        """What is, or is going to be, read of what is written."""

        self._settings: object = None
        """What the prompt depends on beside the messages, as it was then."""

        self._round = 0
        """Which time of reading it is: what an older one tells is out of date."""

        self._again = False
        """What is read was read before, in the same round."""

        self._progress = ReadingProgress()
        self._inbox: Inbox[tuple[int, Event]] = Inbox(lambda: chat.screen.call_later(self._arrived))
        chat.handlers[Prompt.Edited].append(lambda _: self._edited())
        chat.handlers[CommandDone].append(lambda _: self._edited())
        chat.handlers[ThreadShown].append(lambda _: self._soon())
        chat.handlers[Loaded].append(lambda _: self._soon())
        chat.handlers[GoingBack].append(lambda _: self._show(None))
        chat.handlers[TurnBegan].append(lambda _: self._show(None))
        chat.handlers[TurnEnded].append(lambda _: self._soon())

    def _show(self, fraction: float | None) -> None:
        """Show how much of the pictures and long texts is read ahead; None shows nothing."""
        self.chat.prompt.composer.reading = fraction

    def _edited(self) -> None:
        """What is typed behind pictures and long texts changes nothing, nor do most commands."""
        if (self._certain_part(), self._in_force()) != (self._part, self._settings):
            self._soon()

    def _in_force(self) -> object:
        """Detail, thinking and system prompt of the chat."""
        if (preferences := self.chat.preferences) is None:
            return None
        return preferences.sampling.detail, preferences.sampling.think, preferences.system

    def _certain_part(self) -> str:
        from vlmtui.compose.mentions import certain_part

        text = self.chat.prompt.text
        return certain_part(text, self.chat.prompt.composer.tokens.find(text))

    def _soon(self) -> None:
        self._part, self._settings = self._certain_part(), self._in_force()
        self._round += 1
        self._again = False
        self._show(None)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.chat.screen.set_timer(_PAUSE_S, self._begin)

    def _begin(self) -> None:
        if not (self.chat.left or self.chat.busy or self.chat.asking):
            self.chat.start(self._read(self._round), "ahead")

    def _begin_again(self) -> None:
        self._again = True
        self._begin()

    async def _read(self, number: int) -> None:
        from vlmtui.compose.mentions import worth_reading

        self._progress = ReadingProgress()
        begun = worth_reading(self._part, self.chat.prompt.composer.tokens.find(self._part))

        def read() -> None:
            for event in self.chat.session().reading_ahead.run(begun, self._quiet):
                self._inbox.put((number, event))

        with suppress(VlmtuiError):  # there is no conversation, as is told
            await in_thread(read)

    def _quiet(self) -> bool:
        """Whether heat or current slow the machine down, or it isn't wanted any more."""
        snapshot = self.chat.screen.snapshot
        return self.chat.left or (snapshot is not None and bool(snapshot.throttled_by))

    def _arrived(self) -> None:
        for (number, event), _ in self._inbox.take():
            if number == self._round and not self.chat.busy:
                self._follow(event)

    def _follow(self, event: Event) -> None:
        self._progress.take(event)
        if self._progress.fraction == 1 and isinstance(event, Finished) and not self._again:
            self._timer = self.chat.screen.set_timer(_LATER_S, self._begin_again)
        if self._part:
            self._show(self._progress.fraction)
