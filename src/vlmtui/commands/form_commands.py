"""What the answers of a chat must be like: a schema, choices, a grammar or a pattern."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vlmtui.chat import answer_forms
from vlmtui.commands import sampling_text
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Outcome, Said
from vlmtui.engine.engine_requests import Constraint

_OFF = ("off", "none", sampling_text.DEFAULT)


def _hold(read: Callable[[str], Constraint], context: CommandContext, given: str) -> Outcome:
    """Hold the chat's answers to a format, or tell what they are held to."""
    preferences = context.session.preferences
    if given and given.lower() not in _OFF:
        constraint = read(given)
        preferences.change(sampling={**preferences.own_sampling, "constraint": constraint})
        return Said(
            f"From now on, answers in this chat follow {answer_forms.shown(constraint)}",
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
    return Said(f"Answers in this chat follow {answer_forms.shown(held)}", "/schema off ends this")


VERBS = {
    name: partial(_hold, read)
    for name, read in (
        ("schema", answer_forms.schema),
        ("choices", answer_forms.choices),
        ("grammar", answer_forms.grammar),
        ("regex", answer_forms.regex),
    )
}
