"""Pictures of the chat: what each costs while an answer is on its way, and each full screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui import printable
from vlmtui.chat.events import AnswerStarted
from vlmtui.engine.base import Encoded, Finished, Stats, Trimmed
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.stats.image_costs import Cost, costs, thread_costs
from vlmtui.ui.screens.chat.chat_turns import ChatTurns

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.chat.tally import Tally
    from vlmtui.ui.widgets.pictures.captioned_picture import CaptionedPicture

_NAMED = 5
"""Most pictures that are named when the context has no room for them."""


class ChatFigures(ChatTurns):
    """Looking at the pictures of the transcript."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "view", "Pictures full screen", id="chat.view", priority=True)
    ]

    _tally: Tally | None = None

    class PicturesFound(Message):
        """The pictures of the chat, in its order; one of them is to be shown."""

        def __init__(
            self, images: Sequence[ImagePart], costs: dict[str, Cost], shown: ImagePart | None
        ) -> None:
            super().__init__()
            self.images = tuple(images)
            self.costs = costs
            self.shown = shown

    # ------------------------------------------------------------------ what they cost

    async def _react(self, item: object) -> None:
        if isinstance(item, AnswerStarted):
            from vlmtui.chat.prompt import prompt
            from vlmtui.chat.tally import Tally

            thread = [entry.stored for entry in self.transcript.messages()]
            ids = [stored.id for stored in thread]
            end = ids.index(item.stored.id) if item.stored.id in ids else len(ids)
            self._tally = Tally(prompt(thread[:end]))
        elif isinstance(item, Encoded | Trimmed) and self._tally is not None:
            self._tally.take(item)
            self.transcript.price(self._tally.stats(Finished("stop", Stats())))
        await super()._react(item)

    async def _tell_trimmed(self, dropped: int, images: int) -> None:
        from vlmtui.ui.widgets.pictures.captioned_picture import CAPTION

        gone = costs(self._tally.stats(Finished("stop", Stats()))) if self._tally else {}
        names = {
            image.sha256: printable.line(image.name, CAPTION)
            for entry in self.transcript.messages()
            for image in entry.stored.message.images
            if image.sha256 in gone and gone[image.sha256].trimmed
        }
        pictures = ""
        if images:
            listed = f" ({_listed(list(names.values()))})" if names else ""
            pictures = f", with {images} picture{'s' if images > 1 else ''}{listed},"
        await self.transcript.tell(
            f"The context is full: the {dropped} oldest messages{pictures} are no longer seen "
            "by the model",
            "They stay in the chat; /new begins another one",
            error=False,
        )

    # ------------------------------------------------------------------ full screen

    def on_captioned_picture_opened(self, event: CaptionedPicture.Opened) -> None:
        """Show the picture that was clicked."""
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
        known = thread_costs(stored.stats for stored in thread)
        self.post_message(self.PicturesFound(images, known, shown))

    @on(PicturesFound)
    def _show_pictures(self, event: PicturesFound) -> None:
        # a picture that is sent twice is one picture; those in the composer come last
        images = tuple(dict.fromkeys((*event.images, *self.images)))
        if event.shown is not None and event.shown not in images:
            images = (*images, event.shown)
        if not images:
            self.prompt.say("There is no picture in this chat yet", "Attach one with @path")
        elif self.app.screen is self:
            from vlmtui.ui.screens.picture_screen import PictureScreen

            index = images.index(event.shown) if event.shown is not None else len(images) - 1
            self.app.push_screen(PictureScreen(images, index, event.costs))


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= _NAMED else names[: _NAMED - 1]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
