"""What answers took, and what the machine does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlmtui.commands import message_commands, parsing
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Outcome
from vlmtui.errors import InputError

if TYPE_CHECKING:
    from vlmtui.stats.timeline import Moment
    from vlmtui.storage.records import StoredMessage


class Details(Outcome, frozen=True):
    """All that is known of a message."""

    stored: StoredMessage
    thread: Sequence[StoredMessage]


class AnswerStats(Outcome, frozen=True):
    """What the answers of the chat took."""

    thread: Sequence[StoredMessage]


class Machine(Outcome, frozen=True):
    """What the machine does now."""

    moment: Moment


def stats(context: CommandContext, argument: str) -> Outcome:
    """Tell what the answers took, or all that is known of a message."""
    number = parsing.only_number(argument)
    thread = context.session.transcript()
    if number is not None:
        return Details(message_commands.find(context, number), thread)
    if not any(stored.stats for stored in thread):
        raise InputError("No answer in this chat has statistics yet", "Ask something first")
    return AnswerStats(thread)


def monitor(context: CommandContext, _: str) -> Outcome:
    """Tell everything that the machine tells."""
    moment = context.moment()
    if moment is None:
        raise InputError("There are no readings yet", "Try again in a few seconds")
    return Machine(moment)


VERBS = {"stats": stats, "monitor": monitor}
