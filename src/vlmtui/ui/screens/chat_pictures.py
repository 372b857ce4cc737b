"""Pictures on the chat screen: attached, removed, looked at."""

from __future__ import annotations

from pathlib import Path

from vlmtui.ui import commands
from vlmtui.ui.screens.chat_turns import ChatTurns
from vlmtui.ui.screens.chat_work import ChatWork
from vlmtui.ui.widgets.prompt import Prompt


class ChatPictures(ChatTurns):
    """What can be done with pictures."""

    _samples: tuple[Path, ...] = ()

    def on_chat_work_attached(self, event: ChatWork.Attached) -> None:
        """Put pictures into the next message."""
        self.prompt.insert(event.images, event.instead)
        self._choose_image()
        self.keep_draft(self.prompt.draft)

    def on_chat_work_attach_failed(self, event: ChatWork.AttachFailed) -> None:
        """Tell it in place; the text stays."""
        if event.sending:
            self._settle()
        elif event.left and not self.prompt.text:
            self.prompt.text = commands.image_line(event.left)
        self.prompt.say(event.error.message, event.error.hint, error=True)

    def on_prompt_path_chosen(self, event: Prompt.PathChosen) -> None:
        """A completed path becomes a picture at once."""
        self.attach((event.path,), event.written)

    def command_image(self, argument: str) -> None:
        """Attach pictures."""
        self.attach(commands.split_paths(argument))

    def command_sample(self, _: str) -> None:
        """Attach a sample picture that isn't attached yet."""
        if not self._samples:
            self.prompt.say("There are no sample pictures here")
            return
        attached = {image.name for image in self.images}
        fresh = [path for path in self._samples if path.name not in attached]
        self.attach([str((fresh or list(self._samples))[0])])
