"""Settings on the chat screen: the theme, and how this chat is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from textual import on, work
from textual.message import Message

from vlmtui import printable
from vlmtui.commands import sampling_text, specs
from vlmtui.errors import InputError, VlmtuiError
from vlmtui.settings import PRESETS, Preset
from vlmtui.ui.screens.chat.chat_turns import ChatTurns
from vlmtui.ui.screens.chat.chat_work import ChatWork
from vlmtui.ui.themes.app_themes import AppThemes

if TYPE_CHECKING:
    from vlmtui.chat.session import ChatSession

_EXCERPT = 60
"""Longest part of a system prompt that is shown on one line, in characters."""


class Preferred(msgspec.Struct, frozen=True):
    """How the chat is answered."""

    system: str
    own_system: bool
    """The system prompt is the chat's, not the settings'."""

    sampling: Mapping[str, Any]
    own: Mapping[str, Any]
    """The fields that are the chat's, not the settings'."""


class ChatSettings(ChatTurns):
    """What can be set while one chats."""

    presets: Mapping[str, Preset] = PRESETS

    class Configured(Message):
        """The chat is answered like this from now on, or always was."""

        def __init__(self, preferred: Preferred, then: Callable[[Preferred], None]) -> None:
            super().__init__()
            self.preferred = preferred
            self.then = then

    class ConfigureFailed(Message):
        """It can't be answered like that, or it can't be kept."""

        def __init__(self, error: VlmtuiError) -> None:
            super().__init__()
            self.error = error

    @work(thread=True, exclusive=True, group="configure", exit_on_error=False)
    def _configure(
        self,
        then: Callable[[Preferred], None],
        change: Callable[[ChatSession], None] | None = None,
    ) -> None:
        """Change how the chat is answered, and read it.

        Args:
            then: Tells it, on the screen.
            change: Changes it, in the thread.
        """
        session = self._session
        try:
            if change is not None:
                change(session)
        except VlmtuiError as error:
            self.post_message(self.ConfigureFailed(error))
            return
        preferred = Preferred(
            session.system,
            session.own_system is not None,
            msgspec.structs.asdict(session.sampling),
            session.own_sampling,
        )
        self.post_message(self.Configured(preferred, then))

    @on(Configured)
    def _configured(self, event: Configured) -> None:
        event.stop()
        event.then(event.preferred)

    @on(ConfigureFailed)
    def _not_configured(self, event: ConfigureFailed) -> None:
        event.stop()
        self.prompt.say(event.error.message, event.error.hint, error=True)

    @on(ChatWork.Restored)
    def _look_at_settings(self, event: ChatWork.Restored) -> None:
        """Say that a chat has settings of its own; they change its answers."""

        def tell(preferred: Preferred) -> None:
            if event.thread and (preferred.own_system or preferred.own):
                self.prompt.say(f"This chat has its own settings: {_own(preferred)}", "/set")

        self._configure(tell)

    # ------------------------------------------------------------------ commands

    def command_system(self, text: str) -> None:
        """Set the system prompt of this chat, in an editor when there is none on the line."""
        if text:
            self._take_system(None if text.lower() == sampling_text.DEFAULT else text)
        else:
            self._configure(self._edit_system)

    def _edit_system(self, preferred: Preferred) -> None:
        from vlmtui.ui.screens.dialogs.text_editor import TextEditor

        def take(text: str | None) -> None:
            if text is not None and text != preferred.system:
                self._take_system(text)

        editor = TextEditor("System prompt of this chat", preferred.system, "None")
        self.app.push_screen(editor, take)

    def _take_system(self, text: str | None) -> None:
        def tell(preferred: Preferred) -> None:
            if text is None:
                self.prompt.say("The system prompt is that of the settings again")
            elif preferred.system:
                self.prompt.say("This chat has its own system prompt", _excerpt(preferred.system))
            else:
                self.prompt.say("This chat has no system prompt")

        self._configure(tell, lambda session: session.configure(system=text))

    def command_set(self, line: str) -> None:
        """Set how tokens are chosen in this chat, or show it."""
        if not line:
            self._configure(self._show_settings)
            return
        if line.strip().lower() == sampling_text.DEFAULT:
            self._configure(
                lambda _: self.prompt.say("Sampling is that of the settings again"),
                lambda session: session.configure(sampling=None),
            )
            return
        try:
            name, value = sampling_text.read(line)
        except InputError as error:
            self.prompt.say(error.message, error.hint, error=True)
            return

        def change(session: ChatSession) -> None:
            own = {key: old for key, old in session.own_sampling.items() if key != name}
            session.configure(sampling=own if value is None else {**own, name: value})

        def tell(preferred: Preferred) -> None:
            now = sampling_text.shown({name: preferred.sampling[name]})
            back = ", that of the settings" if value is None else " in this chat, from now on"
            self.prompt.say(f"{now}{back}")

        self._configure(tell, change)

    def _show_settings(self, preferred: Preferred) -> None:
        rows = [
            f"{name:<15} {sampling_text.shown({name: preferred.sampling[name]}).partition(' ')[2]}"
            + ("   (this chat's own)" if name in preferred.own else "")
            for name in sampling_text.FIELDS
        ]
        owner = "   (this chat's own)" if preferred.own_system else ""
        rows.append(f"{'system':<15} {_excerpt(preferred.system) or 'none'}{owner}")
        self.call_next(
            self.transcript.tell,
            "How this chat is answered",
            "/set NAME VALUE changes it for this chat, /set NAME default takes it back",
            "\n".join(rows),
            error=False,
            asked=True,
        )

    def command_preset(self, name: str) -> None:
        """Take a preset for this chat, from a list when none is named."""
        if not name:
            self._choose_preset()
        elif name == sampling_text.DEFAULT:
            self._configure(
                lambda _: self.prompt.say("This chat is answered as the settings say"),
                lambda session: session.configure(system=None, sampling=None),
            )
        elif name in self.presets:
            self._take_preset(name, self.presets[name])
        else:
            self.prompt.say(
                f"There is no preset {printable.line(name, 40)}",
                "There are: " + ", ".join([*self.presets, sampling_text.DEFAULT]),
                error=True,
            )

    def _take_preset(self, name: str, preset: Preset) -> None:
        def change(session: ChatSession) -> None:
            system = msgspec.UNSET if preset.system is None else preset.system
            session.configure(system=system, sampling=sampling_text.of_preset(preset) or None)

        self._configure(
            lambda preferred: self.prompt.say(
                f"Answers are {printable.line(name, 40)} in this chat", _own(preferred)
            ),
            change,
        )

    def _choose_preset(self) -> None:
        from vlmtui.ui.screens.dialogs.chooser import Choice
        from vlmtui.ui.screens.dialogs.preset_picker import PresetPicker

        choices = [
            Choice(name, name, preset.about or sampling_text.shown(sampling_text.of_preset(preset)))
            for name, preset in self.presets.items()
        ]
        choices.append(Choice(sampling_text.DEFAULT, sampling_text.DEFAULT, "as the settings say"))

        def take(name: str | None) -> None:
            if name is not None:
                self.command_preset(name)

        self.app.push_screen(PresetPicker(choices), take)

    def choices_set(self) -> list[specs.Choice]:
        """What can be set, and to what."""
        return [specs.Choice(name, values) for name, (values, _) in sampling_text.FIELDS.items()]

    def choices_preset(self) -> list[specs.Choice]:
        """The presets by name."""
        found = [specs.Choice(name, preset.about) for name, preset in self.presets.items()]
        return [*found, specs.Choice(sampling_text.DEFAULT, "as the settings say")]

    def choices_theme(self) -> list[specs.Choice]:
        """The themes by name."""
        app = self.app
        assert isinstance(app, AppThemes)
        return [specs.Choice(name) for name in app.theme_names]

    def command_theme(self, name: str) -> None:
        """Choose a theme, from a list when none is named."""
        app = self.app
        assert isinstance(app, AppThemes)
        if not name:
            app.action_theme()
        elif name in app.available_themes:
            app.choose_theme(name)
        else:
            self.prompt.say(
                f"There is no theme {printable.line(name, 40)}",
                "There are: " + ", ".join(app.theme_names),
                error=True,
            )


def _own(preferred: Preferred) -> str:
    parts = [sampling_text.shown(preferred.own)] if preferred.own else []
    if preferred.own_system:
        parts.append("a system prompt" if preferred.system else "no system prompt")
    return ", ".join(parts)


def _excerpt(text: str) -> str:
    return printable.line(" ".join(text.split()), _EXCERPT)
