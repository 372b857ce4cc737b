"""Whole chats in the plain chat: listed, searched, opened, put in order, written to files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from vlmtui import dates, printable
from vlmtui.commands import export_arguments, parsing, sampling_text
from vlmtui.errors import InputError, StorageError
from vlmtui.plain.messages import MessageCommands
from vlmtui.storage.records import Chat, ChatRow, Found

_MOST = 1000
"""Chats of a list; a title finds the others."""

_FOUND = 100
_TITLE = 60


class ChatCommands(MessageCommands):
    """What can be done with whole chats."""

    def command_new(self, _: str) -> None:
        """Begin a new chat."""
        self._take_along()
        self.session.open(None)
        self.voice.note("A new chat")

    def command_chats(self, like: str) -> None:
        """List chats."""
        rows = self.session.archive.rows(_MOST, 0, like)
        self.print_rows(map(_row, rows), "There are no such chats", "/open NUMBER goes on with one")

    def command_search(self, text: str) -> None:
        """Search all chats."""
        found = self.session.archive.search(text, _FOUND)
        self.print_rows(
            map(_hit, found),
            "Nothing has these words",
            "/open CHAT #MESSAGE goes there, for example "
            f"/open {found[0].chat.id} #{found[0].message_id}"
            if found
            else "",
        )

    def command_open(self, wanted: str) -> None:
        """Go on with another chat, by its number or by words of its title."""
        archive = self.session.archive
        first, _, rest = wanted.strip().partition(" ")
        number, _ = self.numbered(rest)
        first = first.lstrip("#")
        if first.isdecimal() and (number is not None or not rest):
            chat = archive.get(int(first[:18]))
        elif rows := archive.rows(1, 0, wanted):
            chat, number = rows[0].chat, None
        else:
            raise InputError(
                f"No chat has “{printable.line(wanted, _TITLE)}” in its title",
                "/chats lists the chats; /search looks into the messages, too",
            )
        self.open(chat, number)

    def open(self, chat: Chat, message_id: int | None = None) -> None:
        """Go on with a chat, and tell where one is.

        Args:
            chat: The chat.
            message_id: A message to go to.
        """
        before = self.session.chat
        self._take_along()
        self.session.open(chat)
        try:
            thread = self.session.transcript()
            if message_id is not None:
                thread = self.session.select(message_id)
        except Exception:
            self.session.open(before)
            raise
        self.voice.note(f"Chat {chat.id}: {printable.line(chat.title, _TITLE)}")
        ids = [stored.id for stored in thread]
        at = ids.index(message_id) if message_id in ids else max(len(thread) - 2, 0)
        self.tell(thread[at : at + 2])
        if (rest := len(thread) - at - 2) > 0:
            self.voice.note(f"{rest} more messages follow: /show all")
        self.tell_peculiarities(chat)

    def _take_along(self) -> None:
        """Leave nothing that is attached behind in this chat: it goes along to the next."""
        with suppress(StorageError):
            self.session.save_draft("")

    def tell_peculiarities(self, chat: Chat) -> None:
        """Say what is not as in other chats."""
        now = self.session.load_request.name
        if chat.model and chat.model != now:
            name = printable.line(chat.model, _TITLE)
            self.voice.note(f"This chat was answered by {name}", f"/model {name} switches to it")
        own = [sampling_text.shown(self.session.own_sampling)] if self.session.own_sampling else []
        if self.session.own_system is not None:
            own.append("a system prompt" if self.session.own_system else "no system prompt")
        if own:
            self.voice.note(f"This chat has its own settings: {', '.join(own)}")

    # ------------------------------------------------------------------ put in order

    def command_pin(self, _: str) -> None:
        """Put this chat above the others, or back among them."""
        pinned = not self.session.archive.get(self.chat_id()).pinned
        self.session.archive.pin(self.chat_id(), pinned)
        self.voice.note("Pinned" if pinned else "No longer pinned")

    def command_rename(self, title: str) -> None:
        """Give this chat another title."""
        self.session.archive.rename(self.chat_id(), title)
        self.voice.note("Renamed")

    def command_duplicate(self, _: str) -> None:
        """Go on in a copy of this chat."""
        copy = self.session.archive.duplicate(self.chat_id())
        self.session.open(copy)
        self.voice.note(f"This is the copy, chat {copy.id}")

    def command_trash(self, _: str) -> None:
        """Delete this chat."""
        number, archive = self.chat_id(), self.session.archive
        archive.delete(number)
        self.session.open(None)

        def bring_back() -> None:
            archive.restore(number)
            self.session.open(archive.get(number))

        self._undo.append(bring_back)
        self.voice.note("The chat is deleted, and a new one begun", "/undo brings it back")

    # ------------------------------------------------------------------ files

    def command_export(self, argument: str) -> None:
        """Write this chat to a file: a format, a path, both or neither."""
        from vlmtui.chat.export import format_of

        export = export_arguments.read(argument)
        written = self.session.archive.export(
            self.chat_id(),
            export.destination,
            format_of(export.destination, export.format),
            overwrite=export.overwrite,
            shown=self.session.transcript(),
        )
        self.voice.note(f"Written: {printable.line(str(written))}")

    def command_import(self, argument: str) -> None:
        """Open a chat that was exported as JSON."""
        paths = parsing.split_paths(argument)
        if len(paths) != 1:
            raise InputError("One file is imported", "Put quotes around a path with spaces")
        self.open(self.session.archive.import_json(Path(paths[0])))


def _row(row: ChatRow) -> str:
    count = f"{row.messages} message{'s' if row.messages != 1 else ''}"
    pictures = f", {row.images} picture{'s' if row.images != 1 else ''}" if row.images else ""
    pin = ", pinned" if row.chat.pinned else ""
    title = printable.line(row.chat.title, _TITLE)
    return f"{row.chat.id}: {title} ({count}{pictures}, {dates.full(row.chat.updated)}{pin})"


def _hit(hit: Found) -> str:
    title = printable.line(hit.chat.title, _TITLE)
    if hit.in_title:
        return f"{hit.chat.id}: {title} (in the title)"
    return f"{hit.chat.id} #{hit.message_id}: {title}: {printable.line(hit.excerpt, 200)}"
