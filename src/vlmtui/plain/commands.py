"""The slash commands of the plain chat: those of the full-screen chat, told in lines.

A command is a method `command_<name>`, which gets the rest of the line. Commands that are about a
screen have none here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from vlmtui import printable
from vlmtui.chat.session import ChatSession
from vlmtui.engine.base import Load
from vlmtui.errors import InputError
from vlmtui.messages import Role
from vlmtui.plain.voice import Voice
from vlmtui.settings import Preset
from vlmtui.storage.records import StoredMessage
from vlmtui.ui import commands, exporting, references, sampling

_LISTED = 20
_TITLE = 60


class PlainCommands:
    """What can be done besides asking.

    Attributes:
        waiting: Paths of pictures that go with the next message.
        ended: The user wants to leave.
    """

    def __init__(
        self,
        session: ChatSession,
        voice: Voice,
        *,
        samples: tuple[Path, ...],
        presets: Mapping[str, Preset],
        load_named: Callable[[str], Load],
        follow: Callable[[Iterator[object]], StoredMessage | None],
    ) -> None:
        """Join the parts.

        Args:
            session: The conversation.
            voice: Prints.
            samples: Pictures to offer for a first try.
            presets: What `/preset` knows.
            load_named: The request that loads a model by name or path.
            follow: Tells the events of a turn or a load.
        """
        self.waiting: list[str] = []
        self.ended = False
        self._session = session
        self._voice = voice
        self._samples = samples
        self._presets = presets
        self._load_named = load_named
        self._follow = follow
        self._deleted: Callable[[], object] | None = None

    def run(self, command: commands.Command) -> None:
        """Do a command.

        Raises:
            VlmtuiError: It can't be done.
        """
        spec = commands.find(command.name)
        if spec is None:
            raise InputError(
                f"There is no command /{command.name}",
                "/help lists them; a space before the slash makes it text",
            )
        method = getattr(self, f"command_{spec.name}", None)
        if method is None:
            raise InputError(
                f"/{spec.name} is about the full screen", "Start vlmtui without --plain"
            )
        if spec.example and not command.argument:
            raise InputError(
                f"/{spec.name} needs {spec.article_and_argument}",
                f"For example: /{spec.name} {spec.example}",
            )
        method(command.argument)

    # ------------------------------------------------------------------ pictures

    def command_image(self, argument: str) -> None:
        """Attach pictures to the next message."""
        for reference in commands.split_paths(argument):
            for path in references.resolve(reference):
                image = self._session.attach(path)
                self.waiting.append(path)
                name = printable.line(image.name, 80)
                self._voice.note(f"Attached: {name}, {image.width}×{image.height}")

    def command_sample(self, _: str) -> None:
        """Attach a sample picture."""
        if not self._samples:
            raise InputError("There are no sample pictures for this model")
        fresh = [path for path in self._samples if str(path) not in self.waiting]
        self.command_image(f'"{(fresh or list(self._samples))[0]}"')

    # ------------------------------------------------------------------ messages

    def command_regen(self, _: str) -> None:
        """Answer the last question again."""
        self._follow(self._session.regenerate())

    def command_continue(self, _: str) -> None:
        """Go on with an answer that was cut off."""
        self._follow(self._session.continue_answer())

    def command_edit(self, text: str) -> None:
        """Ask the last question in other words."""
        question = self._last(Role.USER)
        if not text:
            self._voice.show(question.message.text)
            self._voice.note("/edit NEW WORDS asks this in other words")
            return
        self._follow(self._session.edit(question.id, text, question.message.images))

    def command_delete(self, _: str) -> None:
        """Delete the last question with its answer."""
        question = self._last(Role.USER)
        self._session.delete_message(question.id)
        self._deleted = lambda: self._session.restore_message(question.id)
        self._voice.note("The last question and its answer are deleted", "/undo brings them back")

    def command_undo(self, _: str) -> None:
        """Bring back what was deleted last."""
        if self._deleted is None:
            raise InputError("Nothing was deleted")
        self._deleted()
        self._deleted = None
        self._voice.note("It is back")

    def command_copy(self, _: str) -> None:
        """Print the last answer once more: there is no screen to copy from."""
        self._voice.show(self._last(Role.ASSISTANT).message.text)

    def _last(self, role: Role) -> StoredMessage:
        for stored in reversed(self._session.transcript()):
            if stored.message.role is role:
                return stored
        raise InputError("There is nothing in this chat yet", "Ask something first")

    # ------------------------------------------------------------------ chats

    def command_new(self, _: str) -> None:
        """Begin a new chat."""
        self._session.open(None)
        self._voice.note("A new chat")

    def command_chats(self, like: str) -> None:
        """List chats; `/open NUMBER` goes on with one."""
        rows = self._session.archive.rows(_LISTED, 0, like)
        for row in rows:
            day = time.strftime("%Y-%m-%d", time.localtime(row.chat.updated))
            pin = " pinned" if row.chat.pinned else ""
            title = printable.line(row.chat.title, _TITLE)
            self._voice.show(f"{row.chat.id}: {title} ({row.messages} messages, {day}{pin})")
        self._voice.note("/open NUMBER goes on with one" if rows else "There are no such chats")

    def command_open(self, wanted: str) -> None:
        """Go on with another chat, by its number or by words of its title."""
        archive = self._session.archive
        if wanted.strip().lstrip("#").isdecimal():
            chat = archive.get(int(wanted.strip().lstrip("#")))
        elif rows := archive.rows(1, 0, wanted):
            chat = rows[0].chat
        else:
            raise InputError("No title has these words", "/chats lists the chats")
        self._session.open(chat)
        self._voice.note(f"Chat {chat.id}: {printable.line(chat.title, _TITLE)}")
        for stored in self._session.transcript()[-2:]:
            who = "You" if stored.message.role is Role.USER else stored.model or "Model"
            self._voice.show(f"{printable.line(who, 40)}: {stored.message.text}")

    def command_pin(self, _: str) -> None:
        """Put this chat above the others, or back among them."""
        pinned = not self._session.archive.get(self._chat_id()).pinned
        self._session.archive.pin(self._chat_id(), pinned)
        self._voice.note("Pinned" if pinned else "No longer pinned")

    def command_duplicate(self, _: str) -> None:
        """Go on in a copy of this chat."""
        copy = self._session.archive.duplicate(self._chat_id())
        self._session.open(copy)
        self._voice.note(f"This is the copy, chat {copy.id}")

    def command_trash(self, _: str) -> None:
        """Delete this chat."""
        number, archive = self._chat_id(), self._session.archive
        archive.delete(number)
        self._session.open(None)

        def bring_back() -> None:
            archive.restore(number)
            self._session.open(archive.get(number))

        self._deleted = bring_back
        self._voice.note("The chat is deleted, and a new one begun", "/undo brings it back")

    def command_search(self, text: str) -> None:
        """Search all chats."""
        found = self._session.archive.search(text, _LISTED)
        for hit in found:
            title = printable.line(hit.chat.title, _TITLE)
            self._voice.show(f"{hit.chat.id}: {title}: {printable.line(hit.excerpt, 200)}")
        self._voice.note("/open NUMBER goes on with one" if found else "Nothing has these words")

    def command_rename(self, title: str) -> None:
        """Give this chat another title."""
        self._session.archive.rename(self._chat_id(), title)
        self._voice.note("Renamed")

    def command_export(self, argument: str) -> None:
        """Write this chat to a file: a format, a path, both or neither."""
        from vlmtui.chat.export import format_of

        export = exporting.read(argument)
        written = self._session.archive.export(
            self._chat_id(),
            export.destination,
            format_of(export.destination, export.format),
            overwrite=export.overwrite,
            shown=self._session.transcript(),
        )
        self._voice.note(f"Written: {written}")

    def command_import(self, argument: str) -> None:
        """Open a chat that was exported as JSON."""
        path = Path(commands.split_paths(argument)[0]).expanduser()
        chat = self._session.archive.import_json(path)
        self._session.open(chat)
        self._voice.note(f"Chat {chat.id}: {printable.line(chat.title, _TITLE)}")

    def _chat_id(self) -> int:
        if self._session.chat is None:
            raise InputError("This chat has nothing in it yet", "Ask something first")
        return self._session.chat.id

    # ------------------------------------------------------------------ model and settings

    def command_model(self, name: str) -> None:
        """Say which model answers, or answer with another one."""
        if not name:
            self._voice.note(f"{self._session.load_request.name} answers", "/model NAME changes it")
            return
        load = self._load_named(name)
        self._follow(self._session.switch(load))
        now = self._session.load_request
        self._voice.note(f"{now.name} answers{' from now on' if now == load else ', as before'}")

    def command_system(self, text: str) -> None:
        """Show or set the system prompt of this chat."""
        if text:
            own = None if text.lower() == sampling.DEFAULT else text
            self._session.configure(system=own)
        self._voice.note(f"System prompt: {self._session.system or 'none'}")

    def command_set(self, line: str) -> None:
        """Show or set how tokens are chosen in this chat."""
        if line.strip().lower() == sampling.DEFAULT:
            self._session.configure(sampling=None)
        elif line:
            name, value = sampling.read(line)
            own = {key: old for key, old in self._session.own_sampling.items() if key != name}
            self._session.configure(sampling=own if value is None else {**own, name: value})
        self._voice.note(sampling.shown(msgspec.structs.asdict(self._session.sampling)))

    def command_preset(self, name: str) -> None:
        """Take a preset for this chat."""
        if name == sampling.DEFAULT:
            self._session.configure(system=None, sampling=None)
        elif preset := self._presets.get(name):
            system = msgspec.UNSET if preset.system is None else preset.system
            self._session.configure(system=system, sampling=sampling.of_preset(preset))
        else:
            names = ", ".join([*self._presets, sampling.DEFAULT])
            raise InputError(
                f"There is no preset {printable.line(name, 40)!r}", f"There are: {names}"
            )
        self.command_set("")

    # ------------------------------------------------------------------ the application

    def command_stats(self, _: str) -> None:
        """What the last answer took."""
        stats = self._last(Role.ASSISTANT).stats or {}
        self._voice.note(
            f"{stats.get('generated_tokens', 0)} tokens, "
            f"{stats.get('decode_tokens_per_s') or 0:.1f} tokens/s, "
            f"first after {stats.get('time_to_first_token_s') or 0:.2f} s, "
            f"context {stats.get('context_used', 0)} of {stats.get('context_size', 0)}"
        )

    def command_help(self, _: str) -> None:
        """List the commands."""
        for spec in commands.SPECS:
            if hasattr(self, f"command_{spec.name}"):
                self._voice.note(f"{f'/{spec.name} {spec.arguments}'.rstrip()}: {spec.summary}")
        self._voice.note(
            "@path in a message attaches a picture. A backslash at the end of a line goes on with "
            "the next. Ctrl+C stops an answer, Ctrl+D leaves."
        )

    def command_quit(self, _: str) -> None:
        """Leave."""
        self.ended = True
