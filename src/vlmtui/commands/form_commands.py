"""What the answers of a chat must be like: a schema, or choices."""

from __future__ import annotations

from vlmtui.chat import answer_forms
from vlmtui.commands import sampling_text
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Outcome, Said
from vlmtui.engine.engine_requests import Constraint

_OFF = ("off", "none", sampling_text.DEFAULT)


def schema(context: CommandContext, given: str) -> Outcome:
    """Hold the chat's answers to a schema, or tell what they are held to."""
    if not given or given.lower() in _OFF:
        return _told(context, off=bool(given))
    return _hold(context, answer_forms.schema(given))


def choices(context: CommandContext, given: str) -> Outcome:
    """Have one of several texts as the chat's answer, or tell what it is held to."""
    if not given or given.lower() in _OFF:
        return _told(context, off=bool(given))
    return _hold(context, answer_forms.choices(given))


def _hold(context: CommandContext, constraint: Constraint) -> Said:
    session = context.session
    session.configure(sampling={**session.own_sampling, "constraint": constraint})
    return Said(
        f"From now on, answers in this chat follow {answer_forms.shown(constraint)}",
        "/schema off ends this",
    )


def _told(context: CommandContext, *, off: bool) -> Said:
    session = context.session
    if off:
        own = {name: value for name, value in session.own_sampling.items() if name != "constraint"}
        session.configure(sampling=own)
    if (constraint := session.sampling.constraint) is None:
        return Said(
            "Answers in this chat have no set format",
            "/schema name: str, tags: [str] or /choices red,green,blue sets one",
        )
    return Said(
        f"Answers in this chat follow {answer_forms.shown(constraint)}",
        "/schema off ends this",
    )


VERBS = {"schema": schema, "choices": choices}
