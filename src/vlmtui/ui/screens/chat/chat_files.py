"""Chats on the chat screen as files: exported, imported."""

from __future__ import annotations

from pathlib import Path

from vlmtui import printable
from vlmtui.commands import parsing
from vlmtui.errors import InputError
from vlmtui.ui.screens.chat.chat_archive import ChatArchive


class ChatFiles(ChatArchive):
    """What can be done with chats and files."""

    def command_export(self, argument: str) -> None:
        """Write this chat to a file: a format, a path, both or neither."""
        chat = self._session.chat
        if chat is None:
            self.prompt.say("This chat begins with its first question", "There is nothing yet")
            return
        from vlmtui.commands import export_arguments

        try:
            export = export_arguments.read(argument)
        except InputError as error:
            self.prompt.say(error.message, error.hint, error=True)
            return
        self.export_chat(chat.id, export.destination, export.format, overwrite=export.overwrite)

    def command_import(self, argument: str) -> None:
        """Open a chat that was exported as JSON."""
        path = Path(parsing.split_paths(argument)[0])
        self.change_chats(
            lambda archive: archive.import_json(path),
            f"Imported from {printable.line(str(path))}",
            opens=True,
        )

    def on_chat_archive_exported(self, event: ChatArchive.Exported) -> None:
        """Say where the file is."""
        self.prompt.say(f"Saved as {printable.line(str(event.path))}")
