"""All slash commands of the plain chat, and how a line becomes one.

A command is a method `command_<name>` of one of the topics, which gets the rest of the line.
"""

from __future__ import annotations

from vlmtui.commands import parsing, verbs
from vlmtui.plain import plain_specs, showing
from vlmtui.plain.machine import MachineCommands
from vlmtui.plain.models import ModelCommands


class PlainCommands(ModelCommands, MachineCommands):
    """What can be done in a sitting."""

    def take(self, text: str) -> None:
        """Do what a line says.

        Raises:
            VlmtuiError: It can't be done.
        """
        command = parsing.parse(text)
        if command is None:
            self.ask(text)
            return
        spec = plain_specs.find(command.name)
        if spec.topic:
            showing.show(self, verbs.do(spec, self.context, command.argument))
            return
        if spec.lacks(command.argument):
            raise verbs.lacking(spec)
        getattr(self, f"command_{spec.name}")(command.argument)

    def command_more(self, _: str) -> None:
        """Go on with the last list."""
        if not self.more():
            self.voice.note("There is no more")

    def command_help(self, name: str) -> None:
        """List the commands, or explain one."""
        if name:
            spec = plain_specs.find(name.strip().lstrip("/").lower())
            self.voice.note(plain_specs.usage(spec))
            if spec.example:
                self.voice.note(f"For example: /{spec.name} {spec.example}")
            return
        for spec in plain_specs.SPECS:
            self.voice.note(plain_specs.usage(spec))
        self.voice.note(
            "@path in a message attaches a picture; @newest the newest one of this folder. "
            "#17 is a message; /show tells the numbers. A backslash at the end of a line goes on "
            "with the next. Ctrl+C stops an answer, Ctrl+D leaves."
        )

    def command_quit(self, _: str) -> None:
        """Leave."""
        self.ended = True
