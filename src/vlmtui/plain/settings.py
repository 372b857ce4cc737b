"""Settings of a chat in the plain chat: its system prompt, its sampling, presets."""

from __future__ import annotations

import msgspec

from vlmtui import printable
from vlmtui.commands import sampling_text
from vlmtui.errors import InputError
from vlmtui.plain.sitting import Sitting


class SettingCommands(Sitting):
    """What can be set while one chats."""

    def command_system(self, text: str) -> None:
        """Show or set the system prompt of this chat."""
        if text:
            own = None if text.lower() == sampling_text.DEFAULT else text
            self.session.configure(system=own)
        back = "/system default takes that of the settings again"
        mine = self.session.own_system is not None
        self.voice.note(
            f"System prompt: {self.session.system or 'none'}",
            f"This is this chat's own; {back}" if mine else "",
        )

    def command_set(self, line: str) -> None:
        """Show or set how tokens are chosen in this chat."""
        if line.strip().lower() == sampling_text.DEFAULT:
            self.session.configure(sampling=None)
        elif line:
            name, value = sampling_text.read(line)
            own = {key: old for key, old in self.session.own_sampling.items() if key != name}
            self.session.configure(sampling=own if value is None else {**own, name: value})
        self.voice.note(sampling_text.shown(msgspec.structs.asdict(self.session.sampling)))
        if mine := self.session.own_sampling:
            self.voice.note(
                f"This chat's own: {sampling_text.shown(mine)}", "/set default takes it back"
            )

    def command_preset(self, name: str) -> None:
        """Take a preset for this chat, or list them."""
        presets = self.means.presets
        if not name:
            rows = [
                f"{each}: {preset.about or sampling_text.shown(sampling_text.of_preset(preset))}"
                for each, preset in presets.items()
            ]
            rows.append(f"{sampling_text.DEFAULT}: as the settings say")
            self.print_rows(map(printable.line, rows), "", "/preset NAME takes one for this chat")
            return
        if name == sampling_text.DEFAULT:
            self.session.configure(system=None, sampling=None)
        elif preset := presets.get(name):
            system = msgspec.UNSET if preset.system is None else preset.system
            self.session.configure(system=system, sampling=sampling_text.of_preset(preset) or None)
        else:
            raise InputError(
                f"There is no preset {printable.line(name, 40)}",
                f"There are: {', '.join([*presets, sampling_text.DEFAULT])}",
            )
        self.command_set("")
