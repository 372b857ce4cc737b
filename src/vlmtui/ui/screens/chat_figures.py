"""Pictures of the chat, opened full screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.ui.costs import Cost, thread_costs
from vlmtui.ui.screens.chat_turns import ChatTurns
from vlmtui.ui.widgets.figure import Figure


class ChatFigures(ChatTurns):
    """Looking at the pictures of the transcript."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "view", "Pictures full screen", id="chat.view", priority=True)
    ]

    class PicturesFound(Message):
        """The pictures of the chat, in its order; one of them is to be shown."""

        def __init__(
            self, images: Sequence[ImagePart], costs: dict[str, Cost], shown: ImagePart | None
        ) -> None:
            super().__init__()
            self.images = tuple(images)
            self.costs = costs
            self.shown = shown

    @on(Figure.Opened)
    def _figure_opened(self, event: Figure.Opened) -> None:
        event.stop()
        self._find_pictures(event.image)

    def action_view(self) -> None:
        """Show the picture that the talk is about, full screen."""
        if self.app.screen is self:
            self._find_pictures(self.image)

    def command_view(self, _: str) -> None:
        """Show the pictures of the chat full screen."""
        self.action_view()

    @work(thread=True, exclusive=True, group="view", exit_on_error=False)
    def _find_pictures(self, shown: ImagePart | None) -> None:
        try:
            thread = self._session.transcript()
        except VlmtuiError:
            thread = []  # what was asked for can be shown all the same
        images = [image for stored in thread for image in stored.message.images]
        costs = thread_costs(stored.stats for stored in thread)
        self.post_message(self.PicturesFound(images, costs, shown))

    @on(PicturesFound)
    def _show_pictures(self, event: PicturesFound) -> None:
        # a picture that is sent twice is one picture; those in the composer come last
        images = tuple(dict.fromkeys((*event.images, *self.images)))
        if event.shown is not None and event.shown not in images:
            images = (*images, event.shown)
        if not images:
            self.prompt.say("There is no picture in this chat yet", "Attach one with @path")
        elif self.app.screen is self:
            from vlmtui.ui.screens.picture import PictureScreen

            index = images.index(event.shown) if event.shown is not None else len(images) - 1
            self.app.push_screen(PictureScreen(images, index, event.costs))
