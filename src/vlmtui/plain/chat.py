"""The plain chat: reads a line, does what it says, prints what comes of it."""

from __future__ import annotations

from contextlib import suppress

from vlmtui.compose import mentions
from vlmtui.compose.tokens import Tokens
from vlmtui.endings import INTERRUPTED
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.plain.commands import PlainCommands
from vlmtui.plain.voice import ReaderGone
from vlmtui.storage.records import Draft


class PlainChat:
    """One sitting."""

    def __init__(self, do: PlainCommands) -> None:
        """Join the parts.

        Args:
            do: The commands, with the state that they share.
        """
        self._do = do
        self._lines = do.lines
        self._voice = do.voice
        self._failed = False
        self._kept = Draft()
        self._lines.typed = self.keep

    def run(self) -> int:
        """Talk until the user leaves; returns the exit code."""
        try:
            begun = self._greet()
            while not self._do.ended and (text := self._next(begun)) is not None:
                begun = ""
                if text.strip():
                    self._take(text)
        except ReaderGone as gone:
            if gone.reason:
                self._voice.note(f"Error: The answers can't be written: {gone.reason}")
            return 1
        except KeyboardInterrupt:
            return INTERRUPTED
        # a script wants to know; a person has read it
        return 1 if self._failed and not self._lines.interactive else 0

    def keep(self, text: str | None = None) -> None:
        """Keep what is typed or attached and not sent.

        Args:
            text: The line that is being typed; None for what stood there last.
        """
        draft = Draft(self._lines.pending if text is None else text, tuple(self._do.waiting))
        if self._lines.interactive and draft != self._kept:
            with suppress(StorageError):  # the next change tries again, and sending tells
                self._do.session.save_draft(draft.text, draft.images)
                self._kept = draft

    def _next(self, begun: str) -> str | None:
        while True:
            try:
                return self._lines.read("> ", begun)
            except KeyboardInterrupt:
                self._hint()

    def _take(self, text: str) -> None:
        try:
            self._do.take(text)
        except VlmtuiError as error:
            self._failed = True
            self._voice.complain(error)
        except KeyboardInterrupt:
            self._hint()
        self.keep("")

    def _hint(self) -> None:
        if not self._lines.interactive:
            raise KeyboardInterrupt
        with suppress(KeyboardInterrupt):  # a second one while that is printed
            self._voice.note("\nCtrl+D or /quit leaves; everything is saved")

    def _greet(self) -> str:
        """Say what there is to say; returns what was typed last time and not sent."""
        session = self._do.session
        if session.warning is not None:
            self._voice.complain(session.warning)
        if not self._lines.interactive:
            return ""
        self._voice.note("/help lists the commands, Ctrl+D leaves")
        self._do.remember()
        draft = Draft()
        with suppress(StorageError):
            if session.chat is not None:
                self._voice.note(f"Going on with: {session.chat.title}")
                self._do.tell_peculiarities(session.chat)
            draft = session.draft()
        self._kept = draft
        self._do.attached(draft.images)
        tokens = Tokens()  # where pictures stand in the text of the screen's composer
        text = tokens.adopt(draft.text, draft.images)
        return mentions.take_out(text, tokens.find(text)).text
