"""What the pictures in the composer will cost, told before they are sent."""

from __future__ import annotations

from contextlib import suppress

from textual.timer import Timer

from vlmtui.engine.engine_events import Loaded
from vlmtui.engine.grounding import asks_for_boxes
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.stats.image_costs import predicted
from vlmtui.ui.screens.chat.chat_facts import ThreadShown
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.composer.prompt_area import Prompt

_PAUSE_S = 0.1
"""Reading ahead begins later, and would have the engine."""

_AGAIN_S = 1.0
"""How often is looked for an engine that was busy, and for another detail of the chat."""


class CostTopic(Topic):
    """Has pictures measured by the model that is loaded."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._timer: Timer | None = None
        self._known: object = None
        """What the cost that is shown depends on; None while it isn't known."""

        chat.handlers[Prompt.Edited].append(lambda _: self._look())
        chat.handlers[Loaded].append(lambda _: self._forget())
        chat.handlers[ThreadShown].append(lambda _: self._forget())

    def _forget(self) -> None:
        """Another model, or other questions before this one."""
        self._known = None
        self._look()

    def _look(self) -> None:
        """See that what is shown is right, now and in a while: the chat may get another detail."""
        wanted = self._wanted()
        if wanted is None or wanted != self._known:
            self._known = None
            self.chat.prompt.composer.cost = ""
        if self._timer is not None:
            self._timer.stop()
        if wanted is not None and not self.chat.left:
            known = self._known is not None
            seconds, then = (_AGAIN_S, self._look) if known else (_PAUSE_S, self._begin)
            self._timer = self.chat.screen.set_timer(seconds, then)

    def _wanted(self) -> object:
        """What the cost depends on; None where there are no pictures."""
        prompt = self.chat.prompt
        images = prompt.images
        return (images, asks_for_boxes(prompt.text), self._detail()) if images else None

    def _begin(self) -> None:
        if self.chat.busy:
            self._timer = self.chat.screen.set_timer(_AGAIN_S, self._begin)
        else:
            prompt = self.chat.prompt
            self.chat.start(self._measure(self._wanted(), prompt.images, prompt.text), "cost")

    async def _measure(self, wanted: object, images: tuple[ImagePart, ...], text: str) -> None:
        cost = ""
        with suppress(VlmtuiError):  # whoever asks a question is told
            cost = await self.chat.on_session(lambda session: predicted(session, images, text))
        if self.chat.left or wanted is None or wanted != self._wanted():
            return
        self._known = wanted if cost else None
        self.chat.prompt.composer.cost = cost
        then = self._look if cost else self._begin  # the engine was at something else
        self._timer = self.chat.screen.set_timer(_AGAIN_S, then)

    def _detail(self) -> object:
        preferences = self.chat.preferences
        return preferences.sampling.detail if preferences is not None else None
