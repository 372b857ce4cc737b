"""What the answers of a chat must be like: a schema, choices, a grammar or a pattern."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vlmtui.chat import answer_constraints
from vlmtui.commands import sampling_text
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Outcome, Said
from vlmtui.engine.engine_requests import Constraint
from vlmtui.engine.structured import constraints

_OFF = ("off", "none", sampling_text.DEFAULT)


def _hold(read: Callable[[str], Constraint], context: CommandContext, given: str) -> Outcome:
    """Constrain the chat's answers, or tell what constrains them."""
    preferences = context.session.preferences
    if given and given.lower() not in _OFF:
        constraint = read(given)
        preferences.change(sampling={**preferences.own_sampling, "constraint": constraint})
        return Said(
            f"From now on, answers in this chat follow {answer_constraints.shown(constraint)}",
            "/schema off ends this",
        )
    if given:
        own = preferences.own_sampling
        own.pop("constraint", None)
        preferences.change(sampling=own)
    if (held := preferences.sampling.constraint) is None:
        return Said(
            "Answers in this chat have no set format",
            "/schema name: str, tags: [str] or /choices red,green,blue sets one",
        )
    shown = answer_constraints.shown(held)
    return Said(f"Answers in this chat follow {shown}", "/schema off ends this")


VERBS = {
    name: partial(_hold, read)
    for name, read in (
        ("schema", answer_constraints.schema),
        ("choices", answer_constraints.choices),
        ("grammar", answer_constraints.grammar),
        ("regex", constraints.of_regex),
    )
}
