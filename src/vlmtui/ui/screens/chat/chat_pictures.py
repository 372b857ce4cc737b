"""Pictures on the chat screen: attached, removed, looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from vlmtui.commands import parsing
from vlmtui.compose.mentions import is_url
from vlmtui.errors import ImageNotFound
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.chat_fetch import ChatFetch, Wanted
from vlmtui.ui.screens.chat.chat_work import ChatWork
from vlmtui.ui.widgets.composer.prompt_area import Prompt

if TYPE_CHECKING:
    from vlmtui.ui.screens.chat.chat_work import OpenSession


class ChatPictures(ChatFetch):
    """What can be done with pictures."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "pick", "Look for pictures", id="chat.pick", priority=True),
        Binding("f8", "copy_command", "Copy the scp command", id="chat.copy_command"),
    ]

    samples: tuple[Path, ...] = ()
    _picked_in = "."

    def __init__(self, open_session: OpenSession, *, model: str, log: Path | None) -> None:
        super().__init__(open_session, model=model, log=log)
        self._pastes: set[str] = set()
        self._send_when_attached = False

    def on_chat_work_attached(self, event: ChatWork.Attached) -> None:
        """Put pictures into the next message."""
        self.prompt.insert(event.images, event.instead)
        if event.instead in self._pastes:
            self._pastes.discard(event.instead)
            key = keymap.keys_of(self.app, "edit.undo", "ctrl+z")
            what = "A picture" if len(event.images) == 1 else f"{len(event.images)} pictures"
            self.prompt.say(f"{what} attached", f"{key} makes it the pasted text again")
        self._choose_image()
        self.keep_draft(self.prompt.draft)

    def on_chat_work_attach_failed(self, event: ChatWork.AttachFailed) -> None:
        """Tell it in place; the text stays."""
        from vlmtui.compose import remote_paths

        self._send_when_attached = False
        if event.sending:
            self._settle()
        elif event.left and not self.prompt.text:
            self.prompt.text = parsing.image_line(event.left)
        if isinstance(event.error, ImageNotFound) and remote_paths.is_elsewhere(event.path):
            key = keymap.keys_of(self.app, "chat.copy_command", "f8")
            self.prompt.say(
                "This path is not on this machine",
                f"On yours run this ({key} copies it), then send again:",
                error=True,
                command=remote_paths.copy_command(event.path),
            )
        else:
            self.prompt.say(event.error.message, event.error.hint, error=True)

    def on_chat_work_attach_ended(self) -> None:
        """Send what waited for its pictures."""
        self._attaching -= 1
        if self._send_when_attached and not self._attaching:
            self._send_when_attached = False
            self.post_message(Prompt.Submitted(self.prompt.text))

    def action_copy_command(self) -> None:
        """Copy the command that the hint names, also over SSH."""
        command = self.prompt.command
        if command:
            self.app.copy_to_clipboard(command)
            self.prompt.say("Copied", "Run it on the machine that has the file", command=command)
        else:
            self.prompt.say("There is no command to copy here")

    async def on_prompt_pasted(self, event: Prompt.Pasted) -> None:
        """Paths of pictures that were pasted, or dropped on the terminal, become the pictures."""
        from vlmtui.compose import pasted_paths

        paths = pasted_paths.paths(event.text)
        if paths and is_url(paths[0]):
            await self.ask_to_fetch([Wanted(paths[0], event.text)])
        elif paths:
            self._pastes.add(event.text)
            self.attach(paths, event.text)

    def action_pick(self) -> None:
        """Look for pictures."""
        from vlmtui.ui.screens.picture_picker import PickerScreen

        self.app.push_screen(PickerScreen(self._picked_in), self._picked)

    def _picked(self, paths: tuple[str, ...] | None) -> None:
        self.prompt.focus_composer()
        if paths:
            self._picked_in = os.path.dirname(paths[0])
            self.attach(paths)

    def command_pick(self, _: str) -> None:
        """Look for pictures."""
        self.action_pick()

    def on_prompt_path_chosen(self, event: Prompt.PathChosen) -> None:
        """A completed path becomes a picture at once."""
        self.attach((event.path,), event.written)

    async def command_image(self, argument: str) -> None:
        """Attach pictures."""
        named = parsing.split_paths(argument)
        paths = [path for path in named if not is_url(path)]
        urls = [Wanted(path) for path in named if is_url(path)]
        if paths:
            self.attach(paths)
        if urls:
            await self.ask_to_fetch(urls)

    def command_sample(self, _: str) -> None:
        """Attach a sample picture that isn't attached yet."""
        if not self.samples:
            self.prompt.say("There are no sample pictures here")
            return
        attached = {image.name for image in self.images}
        fresh = [path for path in self.samples if path.name not in attached]
        self.attach([str((fresh or list(self.samples))[0])])
