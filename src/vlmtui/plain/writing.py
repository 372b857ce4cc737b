"""Writing in the plain chat: what was asked before, the user's own editor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from vlmtui import printable
from vlmtui.compose import external_editor
from vlmtui.errors import InputError, StorageError
from vlmtui.messages import Message, Role, readable
from vlmtui.plain.chats import ChatCommands
from vlmtui.plain.reading import remember

if TYPE_CHECKING:
    from vlmtui.storage.prompts import Asked

_SEARCHED = 2000
"""Questions, from the last one, in which one is looked for."""

_WALKED = 50
"""Questions that Up brings back."""


class WritingCommands(ChatCommands):
    """What helps to write a message."""

    def remember(self) -> None:
        """Have Up bring back what was asked before."""
        with suppress(StorageError):
            asked = self.session.asked_before(_WALKED)
            remember([one.message.text for one in reversed(asked) if "\n" not in one.message.text])

    def command_history(self, argument: str) -> None:
        """List what was asked before, or ask it once more."""
        number, words = self.numbered(argument)
        asked = self.session.asked_before(_SEARCHED)
        if number is None:
            self.print_rows(
                _rows(asked, words.casefold().split()),
                "Nothing was asked with these words" if words else "Nothing was asked yet",
                "/history #NUMBER asks it once more",
            )
            return
        for each in asked:
            if each.message_id == number:
                self._once_more(each.message)
                return
        raise InputError(f"There is no question #{number}", "/history lists them")

    def _once_more(self, message: Message) -> None:
        text = message.text
        if self.lines.interactive and "\n" not in text:
            self.voice.note("Enter asks it, perhaps changed; an empty line doesn't")
            new = self.lines.read("> ", text)
            if new is None or (not new.strip() and text):
                self.voice.note("Nothing was asked")
                return
            text = new
        self.ask_again(message, text)

    def command_editor(self, argument: str) -> None:
        """Have a message written in the user's own editor, or a question edited."""
        if not self.lines.interactive:
            raise InputError("An editor needs a terminal", "A backslash ends a line that goes on")
        number, begun = self.numbered(argument)
        if number is None:
            text = external_editor.edit(begun)
            if text.strip():
                self.ask(text)
            else:
                self.voice.note("Nothing was written, nothing is sent")
            return
        question = self.message(number)
        if question.message.role is not Role.USER:
            raise InputError(f"Message #{number} is no question", "Only questions are edited")
        text = external_editor.edit(question.message.text)
        if text.strip() in ("", question.message.text.strip()):
            self.voice.note("Nothing is changed")
        else:
            self.ask_instead(question, text)


def _rows(asked: list[Asked], words: list[str]) -> Iterator[str]:
    before = ""
    for each in asked:
        text = readable(each.message)
        if text != before and all(word in text.casefold() for word in words):
            pictures = len(each.message.images)
            with_them = f" ({pictures} picture{'s' if pictures > 1 else ''})" if pictures else ""
            yield f"#{each.message_id}{with_them}: {printable.line(text, 200)}"
        before = text
