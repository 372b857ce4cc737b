"""Pictures on the chat screen: put into the message, from wherever they are named."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from textual.binding import Binding

from vlmtui.commands import parsing, picture_commands
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Attached
from vlmtui.commands.picture_commands import Folder, NotOnThisMachine
from vlmtui.compose.mentions import is_url
from vlmtui.errors import VlmtuiError
from vlmtui.messages import Detail
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.fetch_topic import FetchInto, Wanted
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key
from vlmtui.ui.widgets.composer.composer import Composer
from vlmtui.ui.widgets.composer.prompt_area import Prompt
from vlmtui.ui.widgets.composer.prompt_completion import PathChosen

Attach = Callable[[CommandContext], Attached]


class AttachingTopic(Topic):
    """Attaching pictures."""

    BINDINGS = (
        key("ctrl+o", "pick", "Look for pictures"),
        Binding("f8", "topic('copy_command')", "Copy the scp command", id="chat.copy_command"),
    )

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._running = 0
        """How many times pictures are being checked and copied just now."""

        self._send_when_attached = False
        self._picked_in = "."
        chat.actions["pick"] = chat.commands.dialogs["pick"] = self._browse
        chat.actions["copy_command"] = self._copy_command
        chat.commands.forms["image"] = lambda argument: self._run(
            partial(picture_commands.image, argument=argument)
        )
        chat.commands.dialogs["sample"] = lambda: self._run(picture_commands.sample)
        chat.commands.shows[Attached] = self._show
        chat.commands.shows[Folder] = lambda folder: self._browse(folder.listing.directory)
        chat.handlers[Composer.Pasted].append(self._pasted)
        chat.handlers[PathChosen].append(lambda event: self._attach((event.path,), event.written))
        chat.actions["attach_part"] = lambda image, part: self._run(
            partial(picture_commands.crop_of, image=image, part=part)
        )
        chat.holds.append(self._hold)

    def _hold(self, text: str) -> bool:
        """Have a message wait for pictures that are being attached."""
        self._send_when_attached = bool(self._running)
        return self._send_when_attached

    def _attach(
        self,
        paths: Sequence[str],
        instead: str = "",
        *,
        detail: Detail | None = None,
        pasted: bool = False,
    ) -> None:
        """Put pictures into the next message: paths, patterns, or `newest`.

        They replace `instead` in the text, or go where the cursor is; `pasted`: that was pasted.
        """
        attach = partial(picture_commands.attach, references=paths, detail=detail)
        self._run(attach, instead, pasted=pasted)

    def _run(self, verb: Attach, instead: str = "", *, pasted: bool = False) -> None:
        # not exclusive: of two quick pastes the first must not be lost
        self.chat.start(self._do(verb, instead, pasted), "attaching", exclusive=False)
        self._running += 1

    async def _do(self, verb: Attach, instead: str, pasted: bool) -> None:
        try:
            attached = await self.chat.commands.done(verb)
            if pasted and isinstance(attached.error, NotOnThisMachine):
                self._mention(attached.left, instead)
            await self._show(attached, instead)
            if attached.images and pasted:
                self._tell_undo(len(attached.images))
        except VlmtuiError:
            self._send_when_attached = False
            raise
        finally:
            self._running -= 1
        if self._send_when_attached and not self._running:
            self._send_when_attached = False
            self.chat.screen.post_message(Prompt.Submitted(self.chat.prompt.text))

    def _mention(self, paths: Sequence[str], pasted: str) -> None:
        """Have pasted paths of another machine looked for again when the message is sent."""
        from vlmtui.compose.completion import spell

        mentions = " ".join(f"@{spell(path, '', whole=True)}" for path in paths)
        self.chat.prompt.composer.put_instead(pasted, mentions)
        self.chat.prompt.completion.leave()

    def _tell_undo(self, count: int) -> None:
        key = keymap.keys_of(self.chat.screen.app, "edit.undo", "ctrl+z")
        what = "A picture" if count == 1 else f"{count} pictures"
        self.chat.prompt.say(f"{what} attached", f"{key} turns it back into the pasted text")

    async def _show(self, attached: Attached, instead: str = "") -> None:
        """Put pictures into the message; what can't be attached can be corrected there."""
        prompt = self.chat.prompt
        prompt.insert(attached.images, instead)
        if attached.error is not None:
            self._send_when_attached = False
            if attached.left and not instead and not prompt.text:
                prompt.text = parsing.image_line(attached.left)
            self.chat.complain(attached.error)
        if attached.wants is not None:
            await self.chat.commands.show(attached.wants)

    def _copy_command(self) -> None:
        """Copy the command that the hint names, also over SSH."""
        prompt = self.chat.prompt
        command = prompt.hint.command
        if command:
            self.chat.screen.app.copy_to_clipboard(command)
            prompt.say("Copied", "Run it on the machine that has the file", command=command)
        else:
            prompt.say("There is no command to copy here")

    async def _pasted(self, event: Composer.Pasted) -> None:
        """Paths of pictures that were pasted, or dropped on the terminal, become the pictures."""
        from vlmtui.compose import pasted_paths

        paths = pasted_paths.paths(event.text)
        if paths and is_url(paths[0]):
            await self.chat.commands.show(FetchInto((Wanted(paths[0], event.text),)))
        elif paths:
            self._attach(paths, event.text, pasted=True)

    def _browse(self, directory: str = "") -> None:
        """Look for pictures, where some were found last if no directory is named."""
        from vlmtui.ui.screens.picture_picker import Picked, PickerScreen

        def picked(chosen: Picked | None) -> None:
            self.chat.prompt.focus_composer()
            if chosen is not None:
                self._picked_in = os.path.dirname(chosen.paths[0])
                self._attach(chosen.paths, detail=chosen.detail)

        self.chat.screen.app.push_screen(PickerScreen(directory or self._picked_in), picked)
