"""The plain chat's loop: reads a line, does what it says, prints what comes of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress

from vlmtui import crash_log
from vlmtui.chat.chat_events import AnswerStarted
from vlmtui.commands import chat_commands, message_commands, parsing, specs, verbs
from vlmtui.endings import HUNG_UP, INTERRUPTED
from vlmtui.engine.engine_events import Delta
from vlmtui.errors import StorageError
from vlmtui.plain import showing
from vlmtui.plain.console import Console
from vlmtui.plain.line_reader import remember
from vlmtui.standard_output import ReaderGone
from vlmtui.storage.records import Draft

_WALKED = 50
"""Questions that Up brings back."""


def _from_its_start(events: Iterator[object]) -> Iterator[object]:
    """What comes of an answer, with the words before that were there already."""
    for event in events:
        yield event
        if isinstance(event, AnswerStarted):
            yield Delta(event.stored.message.text, 0)


class PlainChat:
    """Reads, does and prints, line by line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._reader = console.reader
        self._printer = console.printer
        self._ended = self._warned = False
        self._kept = Draft()
        self._own = {"more": self._more, "help": self._help, "quit": self._quit}
        self._reader.typed = self.keep

    def run(self) -> int:
        """Talk until the user leaves; returns the exit code."""
        try:
            self._greet()
            while not self._ended:
                text = self._next()
                if text is None:
                    self._quit("")
                elif text.strip():
                    self._take(text)
            self._console.session.questions.discard()
        except ReaderGone as gone:
            if self._reader.interactive and gone.reason == os.strerror(errno.EIO):
                raise SystemExit(HUNG_UP) from None  # SIGHUP may come later, or not at all
            if gone.reason:
                self._printer.note(f"Error: The answers can't be written: {gone.reason}")
            return 1 if gone.reason else 0
        except KeyboardInterrupt:
            return INTERRUPTED
        # a script wants to know; a person has read it
        return 1 if self._console.failed and not self._reader.interactive else 0

    def keep(self, text: str | None = None) -> None:
        """Keep what is typed or attached and not sent; without the line, what stood there last."""
        draft = self._console.draft
        if text is not None:
            draft = Draft(text, draft.images)
        if self._reader.interactive and draft != self._kept:
            with suppress(StorageError):  # the next change tries again, and sending tells
                self._console.session.questions.save_draft(draft.text, draft.images)
                self._kept = draft

    def _next(self) -> str | None:
        self._console.read_ahead()
        while True:
            try:
                line = self._reader.read("> ", self._console.begun)
                if line is not None:
                    self._console.begun = ""
                return line
            except KeyboardInterrupt:
                self._hint()

    def _take(self, text: str) -> None:
        try:
            try:
                self._do(text)
            except ReaderGone:
                raise
            except Exception as error:
                self._console.failed = True
                self._printer.complain(crash_log.recorded(error))
            self.keep(self._console.begun)
        except KeyboardInterrupt:
            self._hint()
            self.keep(self._console.begun)

    def _do(self, text: str) -> None:
        context = self._console.context
        command = parsing.parse(text)
        context.draft = Draft("", tuple(self._console.waiting))
        if command is None:
            showing.show(self._console, message_commands.ask(context, text))
            return
        spec = specs.wanted(command.name, "lines")
        if spec.topic:
            showing.show(self._console, verbs.do(spec, context, command.argument))
        else:
            spec.check(command.argument)
            self._own[spec.name](command.argument)

    def _hint(self) -> None:
        if not self._reader.interactive:
            raise KeyboardInterrupt
        with suppress(KeyboardInterrupt):  # a second one while that is printed
            saved = "this chat is not saved" if self._is_unsaved() else "everything is saved"
            self._printer.note(f"\nCtrl+D or /quit quits; {saved}")

    def _greet(self) -> None:
        """Say what there is to say, and go on with what was typed last time and not sent."""
        session = self._console.session
        if session.warning is not None:
            self._printer.complain(session.warning)
        if not self._reader.interactive:
            with suppress(StorageError):
                self._watch()
            return
        self._printer.note("/help lists the commands, Ctrl+D quits")
        with suppress(StorageError):
            asked = session.questions.asked_before(_WALKED)
            remember([one.message.text for one in reversed(asked) if "\n" not in one.message.text])
        with suppress(StorageError):
            if session.chat is not None:
                self._printer.note(f"Continuing: {chat_commands.title(session.chat)}")
                for said in chat_commands.peculiarities(session):
                    showing.show(self._console, said)
            self._watch()
            self._kept = session.questions.draft()
            self._console.take_up(self._kept)

    def _watch(self) -> None:
        """Follow an answer that another vlmtui is writing in this chat."""
        thread = self._console.session.transcript()
        if thread and thread[-1].status == "streaming":
            self._printer.note("This answer is still being written; Ctrl+C stops it")
            watched = self._console.session.watching.watch(thread[-1])
            self._console.follow(_from_its_start(watched))

    def _more(self, _: str) -> None:
        if not self._console.more():
            self._printer.note("There is no more")

    def _help(self, name: str) -> None:
        if name:
            spec = specs.wanted(name.strip().lstrip("/").lower(), "lines")
            self._printer.note(spec.usage)
            if spec.example:
                self._printer.note(f"For example: /{spec.name} {spec.example}")
            return
        for spec in specs.of("lines"):
            self._printer.note(spec.usage)
        self._printer.note(
            "@path in a message attaches a picture, @newest the newest one in this folder. "
            "#17 is a message; /show prints the numbers. A backslash at the end of a line "
            "continues it on the next. Ctrl+C stops an answer, Ctrl+D quits."
        )

    def _quit(self, _: str) -> None:
        """Leave; the first time only where that costs nothing."""
        self._ended = self._warned or not (self._reader.interactive and self._is_unsaved())
        if not self._ended:
            self._warned = True
            self._printer.note("This chat is not saved: /export saves it, /quit again quits")

    def _is_unsaved(self) -> bool:
        return bool(self._console.session.unsaved())
