"""Writing: what was asked before, the user's own editor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vlmtui import printable
from vlmtui.commands import message_commands, parsing
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Listing, OpenEditor, Outcome, WriteAgain
from vlmtui.errors import InputError
from vlmtui.messages import readable

if TYPE_CHECKING:
    from vlmtui.storage.prompts import Asked  # brings the database

SEARCHED = 2000
"""Questions, from the last one, in which one is looked for."""


def history(context: CommandContext, argument: str) -> Outcome:
    """List what was asked before, or write it once more."""
    number, words = parsing.numbered(argument)
    if number is not None and words:
        raise InputError(f"“{printable.line(words, 40)}” is too much", "/history #17 is enough")
    asked = context.session.questions.asked_before(SEARCHED)
    if number is None:
        return Listing(
            _rows(asked, words.casefold().split()),
            "No earlier question has these words" if words else "There are no earlier questions",
            "/history #NUMBER asks it again",
        )
    for each in asked:
        if each.message_id == number:
            return WriteAgain(each.message)
    raise InputError(f"There is no question #{number}", "/history lists them")


def _rows(asked: list[Asked], words: list[str]) -> Iterator[str]:
    before = ""
    for each in asked:
        text = readable(each.message)
        if text != before and all(word in text.casefold() for word in words):
            pictures = len(each.message.images)
            with_them = f" ({pictures} picture{'s' if pictures > 1 else ''})" if pictures else ""
            yield f"#{each.message_id}{with_them}: {printable.line(text, 200)}"
        before = text


def editor(context: CommandContext, argument: str) -> Outcome:
    """Have a message written in the user's own editor, or a question edited there."""
    number, text = parsing.numbered(argument)
    if number is None:
        return OpenEditor(text or context.draft.text)
    if text:
        raise InputError(f"“{printable.line(text, 40)}” is too much", "/editor #17 is enough")
    stored = message_commands.question(context, number)
    return OpenEditor(stored.message.text, stored)


VERBS = {"history": history, "editor": editor}
