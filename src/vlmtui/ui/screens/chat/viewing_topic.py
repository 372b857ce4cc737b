"""Pictures of the chat: the one beside it, each full screen, and what each costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui import printable
from vlmtui.chat.chat_events import AnswerStarted, UserSaved
from vlmtui.commands.event_words import note_on
from vlmtui.engine.engine_events import Encoded, Finished, Stats, Trimmed
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.stats.image_costs import costs, thread_costs
from vlmtui.ui.screens.chat.chat_facts import ThreadShown
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key
from vlmtui.ui.widgets.composer.prompt_area import Prompt

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.chat.tally import Tally
    from vlmtui.engine.images.crops import Box
    from vlmtui.ui.widgets.pictures.captioned_picture import CaptionedPicture


class ViewingTopic(Topic):
    """Looking at pictures."""

    BINDINGS = (key("f7", "view", "Show pictures full screen"),)

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._tally: Tally | None = None
        self._last_in_chat: ImagePart | None = None
        chat.actions["view"] = chat.commands.dialogs["view"] = self._view
        chat.commands.dialogs["crop"] = self._crop_shown
        chat.handlers["on_captioned_picture_opened"].append(self._view)
        chat.handlers[Prompt.Edited].append(lambda _: self._choose())
        chat.handlers[ThreadShown].append(self._thread_shown)
        chat.handlers[UserSaved].append(self._question_saved)
        chat.handlers[AnswerStarted].append(self._answer_started)
        chat.handlers[Encoded].append(self._priced)
        chat.handlers[Trimmed].append(self._priced)
        chat.handlers[Trimmed].append(self._trimmed)

    # ------------------------------------------------------------------ beside the chat

    def _choose(self) -> None:
        """Show what was attached last, or else the last picture of the chat."""
        attached = self.chat.prompt.images
        self.chat.screen.image = attached[-1] if attached else self._last_in_chat

    def _thread_shown(self, shown: ThreadShown) -> None:
        pictures = [image for stored in shown.thread for image in stored.message.images]
        self._last_in_chat = pictures[-1] if pictures else None
        self._choose()

    def _question_saved(self, event: UserSaved) -> None:
        if event.stored.message.images:
            self._last_in_chat = event.stored.message.images[-1]
        self._choose()

    # ------------------------------------------------------------------ what they cost

    def _answer_started(self, event: AnswerStarted) -> None:
        from vlmtui.chat.prompt_messages import present, prompt
        from vlmtui.chat.tally import Tally

        thread = [entry.stored for entry in self.chat.transcript.messages()]
        ids = [stored.id for stored in thread]
        end = ids.index(event.stored.id) if event.stored.id in ids else len(ids)
        messages, _ = present(prompt(thread[:end], model=event.stored.model))
        self._tally = Tally(messages)

    def _priced(self, event: Encoded | Trimmed) -> None:
        if self._tally is not None:
            self._tally.take(event)
            self.chat.transcript.price(self._tally.stats(Finished("stop", Stats())))

    async def _trimmed(self, event: Trimmed) -> None:
        """Say what the context had no room for."""
        from vlmtui.ui.widgets.pictures.captioned_picture import CAPTION

        gone = costs(self._tally.stats(Finished("stop", Stats()))) if self._tally else {}
        names = {
            image.sha256: printable.line(image.name, CAPTION)
            for entry in self.chat.transcript.messages()
            for image in entry.stored.message.images
            if image.sha256 in gone and gone[image.sha256].trimmed
        }
        if (said := note_on(event, list(names.values()))) is not None:
            await self.chat.transcript.tell(said.message, said.advice, error=False)

    # ------------------------------------------------------------------ full screen

    def _view(self, event: CaptionedPicture.Opened | None = None) -> None:
        """Show a picture that was clicked, or the one that the talk is about."""
        shown = event.image if event is not None else self.chat.screen.image
        self.chat.start(self._show(shown), "view")

    async def _show(self, shown: ImagePart | None) -> None:
        try:
            thread = await self.chat.on_session(lambda session: session.transcript())
        except VlmtuiError:
            thread = []  # what was asked for can be shown all the same
        of_chat = [image for stored in thread for image in stored.message.images]
        # a picture that is sent twice is one picture; those in the composer come last
        images = tuple(dict.fromkeys((*of_chat, *self.chat.prompt.images)))
        if shown is not None and shown not in images:
            images = (*images, shown)
        if not images:
            self.chat.prompt.say("There is no picture in this chat yet", "Attach one with @path")
        elif self.chat.screen.app.screen is self.chat.screen:
            from vlmtui.ui.screens.picture_screen import PictureScreen

            index = images.index(shown) if shown is not None else len(images) - 1
            known = thread_costs(stored.stats for stored in thread)
            self.chat.screen.app.push_screen(PictureScreen(images, index, known), self._crop)

    # ------------------------------------------------------------------ a part of one

    def _crop_shown(self) -> None:
        """Have a part of the picture that the talk is about chosen."""
        if self.chat.screen.image is None:
            self.chat.prompt.say("There is no picture in this chat yet", "Attach one with @path")
        else:
            self._crop(self.chat.screen.image)

    def _crop(self, image: ImagePart | None) -> None:
        from vlmtui.ui.screens.crop_screen import CropScreen

        if image is None or self.chat.screen.app.screen is not self.chat.screen:
            return

        def chosen(part: Box | None) -> None:
            self.chat.prompt.focus_composer()
            if part is not None:
                self.chat.actions["attach_part"](image, str(part))

        self.chat.screen.app.push_screen(CropScreen(image), chosen)
