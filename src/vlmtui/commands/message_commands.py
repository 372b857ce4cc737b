"""Messages: asked, answered again, continued, edited, deleted, copied, shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vlmtui import printable
from vlmtui.commands import parsing
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Ask, Branch, Copied, EditQuestion, Outcome, Said
from vlmtui.commands.picture_commands import with_pictures
from vlmtui.compose.mentions import Draft
from vlmtui.errors import InputError, MessageNotFound
from vlmtui.messages import Role, placed, readable

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.commands.code_blocks import CodeBlock
    from vlmtui.commands.verbs import Verb
    from vlmtui.messages import Message
    from vlmtui.storage.records import StoredMessage

_LATELY = 6
"""Messages that are shown unless all are wanted."""


class Messages(Outcome, frozen=True):
    """Messages of the chat, to be read."""

    thread: Sequence[StoredMessage]
    before: int = 0
    """How many stand before them."""


class ThoughtShown(Outcome, frozen=True):
    """What was thought before an answer, to be read."""

    stored: StoredMessage


# ---------------------------------------------------------------------- asking


def ask(context: CommandContext, text: str) -> Outcome:
    """Send a message, with what is attached and what it mentions. No command: just text."""
    return with_pictures(context, text, text, _sending(context, text))


def ask_again(context: CommandContext, message: Message, text: str) -> Outcome:
    """Ask once more what was asked before, perhaps in other words; its pictures stay."""
    return _reworded(context, message, text, text, _sending(context, text))


def _sending(context: CommandContext, typed: str) -> Callable[[Draft], Ask]:
    def send(draft: Draft) -> Ask:
        return Ask(lambda: context.session.send(draft.text, draft.images, draft.places), typed)

    return send


def ask_instead(
    context: CommandContext, stored: StoredMessage, text: str, *, whole: bool = False
) -> Outcome:
    """Ask a question of this chat in other words; the old one stays, as another version.

    With `whole` its pictures stand in the text, if they are still wanted.
    """
    typed = text if whole else f"/edit #{stored.id} {text}"

    def send(draft: Draft) -> Ask:
        parts = (draft.text, draft.images, draft.places)
        return Ask(lambda: context.session.edit(stored.id, *parts), typed, changes=True)

    if whole:
        return with_pictures(context, text, typed, send)
    return _reworded(context, stored.message, text, typed, send)


def _reworded(
    context: CommandContext,
    message: Message,
    text: str,
    typed: str,
    send: Callable[[Draft], Outcome],
) -> Outcome:
    if text == message.text and not context.tokens(text):
        return send(Draft(text, message.images, tuple(place for place, _ in placed(message))))

    def beside_its_own(draft: Draft) -> Outcome:
        places = (*(0 for _ in message.images), *draft.places)
        return send(Draft(draft.text, (*message.images, *draft.images), places))

    return with_pictures(context, text, typed, beside_its_own)


def regen(context: CommandContext, argument: str) -> Outcome:
    """Answer a question again, with the model that is loaded."""
    number = parsing.only_number(argument)
    if number is not None:
        find(context, number)
    return Ask(lambda: context.session.regenerate(number), changes=True)


def edit(context: CommandContext, argument: str) -> Outcome:
    """Ask a question in other words, or have it edited."""
    number, text = parsing.numbered(argument)
    stored = question(context, number)
    return ask_instead(context, stored, text) if text else EditQuestion(stored)


# ---------------------------------------------------------------------- deleting, versions


def delete(context: CommandContext, argument: str) -> Outcome:
    """Delete a message and what follows it."""
    number = parsing.only_number(argument)
    message_id = meant(context, number, Role.USER).id
    thread = context.session.delete_message(message_id)

    def restore(context: CommandContext) -> Outcome:
        thread = context.session.restore_message(message_id)
        here = any(stored.id == message_id for stored in thread)  # or another chat is open by now
        return Branch(thread, message_id if here else None, Said("Restored the message"))

    context.deleted.append(restore)
    said = Said("Deleted the message and everything after it", "/undo restores them")
    return Branch(thread, thread[-1].id if thread else None, said)


def undo(context: CommandContext, _: str) -> Outcome:
    """Bring back what was deleted last, whatever it was."""
    if not context.deleted:
        raise InputError("There is nothing to undo", "Nothing was deleted since vlmtui started")
    outcome = context.deleted[-1](context)
    context.deleted.pop()
    return outcome


def _turn_to(context: CommandContext, argument: str, step: int) -> Outcome:
    """Show the version of a message so many places further."""
    number = parsing.only_number(argument)
    if number is not None:
        stored = find(context, number)
    else:
        several = [each for each in context.session.transcript() if each.siblings > 1]
        if not several:
            raise InputError(
                "Every message of this chat has one version", "/regen and /edit add another"
            )
        stored = several[-1]
    other = context.session.branches.neighbour(stored.id, step)
    if other is None:
        end = "first" if step < 0 else "last"
        raise InputError(
            f"This is the {end} of {stored.siblings} versions"
            if stored.siblings > 1
            else "This message has only one version"
        )
    return Branch(context.session.select(other), other)


# ---------------------------------------------------------------------- reading


def copy(context: CommandContext, argument: str) -> Outcome:
    """Copy an answer as it was written, or its last block of code."""
    number, what = parsing.numbered(argument)
    if what and what.lower() != "code":
        raise InputError(f"/copy can't copy “{printable.line(what, 40)}”", "/copy code copies code")
    stored = meant(context, number, Role.ASSISTANT)
    if not what:
        who = "question" if stored.message.role is Role.USER else "answer"
        return Copied(readable(stored.message), f"the {who}")
    from vlmtui.commands.code_blocks import code_blocks

    for each in [stored] if number is not None else reversed(context.session.transcript()):
        if blocks := code_blocks(each.message.text):
            return copied_code(blocks[-1])
    where = "chat" if number is None else "message"
    raise InputError(f"There is no code in this {where}", "/copy copies the whole answer")


def copied_code(block: CodeBlock) -> Copied:
    """A block of code for the clipboard."""
    language = f"{printable.line(block.language, 20)} code" if block.language else "code"
    lines = f"{block.lines:,} line{'s' if block.lines > 1 else ''}"
    return Copied(block.text.rstrip("\n"), f"{lines} of {language}")


def thought(context: CommandContext, argument: str) -> Outcome:
    """Show what was thought before an answer: the last that was thought about."""
    number = parsing.only_number(argument)
    if number is not None:
        stored = find(context, number)
        if not stored.message.thought.strip():
            raise InputError(f"Nothing was thought before message #{number}")
        return ThoughtShown(stored)
    for stored in reversed(context.session.transcript()):
        if stored.message.thought.strip():
            return ThoughtShown(stored)
    raise InputError(
        "Nothing was thought in this chat", "Models that can think do so with /think on"
    )


def show(context: CommandContext, argument: str) -> Outcome:
    """Print messages with their numbers."""
    number, which = parsing.numbered(argument)
    if which and (number is not None or which.lower() != "all"):
        raise InputError(
            f"/show can't show “{printable.line(which, 40)}”", "For example: /show #17 or /show all"
        )
    if number is not None:
        return Messages([find(context, number)])
    thread = context.session.transcript()
    before = 0 if which else max(len(thread) - _LATELY, 0)
    return Messages(thread[before:], before)


# ---------------------------------------------------------------------- which message is meant


def find(context: CommandContext, number: int) -> StoredMessage:
    """A message of the branch that is shown; raises `MessageNotFound`."""
    for stored in context.session.transcript():
        if stored.id == number:
            return stored
    raise MessageNotFound(
        f"There is no message #{number} in the version of the chat that is shown",
        "/previous and /next show other versions",
    )


def last(context: CommandContext, role: Role) -> StoredMessage:
    """The last question or answer; raises `InputError` where there is none."""
    for stored in reversed(context.session.transcript()):
        if stored.message.role is role:
            return stored
    what = "question" if role is Role.USER else "answer"
    raise InputError(f"There is no {what} in this chat yet", "Ask something first")


def meant(context: CommandContext, number: int | None, role: Role) -> StoredMessage:
    """A message by its number, or else the last one of a speaker."""
    return last(context, role) if number is None else find(context, number)


def question(context: CommandContext, number: int | None) -> StoredMessage:
    """A question by its number, or else the last one.

    Raises:
        InputError: There is none, or it is an answer.
    """
    stored = meant(context, number, Role.USER)
    if stored.message.role is not Role.USER:
        raise InputError("This message is an answer", "Only questions can be edited")
    return stored


VERBS: dict[str, Verb] = {
    "regen": regen,
    "continue": lambda context, _: Ask(context.session.continue_answer, changes=True),
    "edit": edit,
    "delete": delete,
    "undo": undo,
    "copy": copy,
    "previous": lambda context, argument: _turn_to(context, argument, -1),
    "next": lambda context, argument: _turn_to(context, argument, 1),
    "show": show,
    "thought": thought,
}
