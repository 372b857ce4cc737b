"""Models: which one answers, what the others are, two of them compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from vlmtui import printable, units
from vlmtui.commands import message_commands
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import (
    Choice,
    Compare,
    Confirm,
    Listing,
    Outcome,
    Pull,
    Said,
    Switch,
    Table,
    Then,
)
from vlmtui.commands.picture_commands import with_pictures
from vlmtui.compose.mentions import Draft
from vlmtui.errors import InputError, SwitchFailed, VlmtuiError
from vlmtui.messages import Role

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.chat.model_choice import Choice as Model
    from vlmtui.engine.engine_events import ModelInfo
    from vlmtui.engine.engine_requests import Load
    from vlmtui.models.endpoints import Server

_COMPARED = re.compile(r"(\S+)\s+(\S+)(?:\s+(\S.*))?", re.DOTALL)
_NAME = 60
_KEPT = Said("Nothing was deleted")


# ---------------------------------------------------------------------- who answers


def model(context: CommandContext, name: str) -> Outcome:
    """Have another model answer, or say which one does."""
    if not name:
        now = _shown(context.session.model.request.name)
        return Said(f"{now} is the model in use", "/model NAME switches; /models lists all models")
    load = context.models.load(name)
    switch = Switch(load, load == context.session.model.request)
    return _agreed(context, [load], lambda _: switch, Said("The model stays as it is"))


def _agreed(context: CommandContext, loads: Sequence[Load], then: Then, declined: Said) -> Outcome:
    """The rest of a command, once the user has said yes to all servers that get the chat by it."""
    from vlmtui.chat import consent

    server = next(filter(None, map(consent.missing, loads)), None)
    if server is None:
        return then(context)

    def agree(context: CommandContext) -> Outcome:
        consent.give(server)
        return _agreed(context, loads, then, declined)

    return Confirm(consent.question(server), agree, declined, consent.ASKED_ONCE)


def switched(
    context: CommandContext, switch: Switch, info: ModelInfo | None, *, cancelled: bool
) -> Said:
    """What is to be said at the end of a switch that did not fail; `info` is the loaded model's."""
    name = _shown(context.session.model.request.name)
    if cancelled:
        return Said("Loading was stopped", f"{name} stays the model in use")
    size = units.size(info.whole_bytes) if info is not None and info.whole_bytes else ""
    blind = "sees no pictures" if info is not None and not info.vision else ""
    return Said(
        f"{name} is already in use" if switch.same else f"Switched to {name}",
        ", ".join(filter(None, (size, blind))),
    )


def not_switched(context: CommandContext, error: SwitchFailed) -> VlmtuiError:
    """The error of a switch, with who answers now."""
    old = _shown(context.session.model.request.name)
    now = f"No model is loaded; the next question tries {old}"
    if error.back:
        now = f"{old} is loaded again"
    return VlmtuiError(
        f"{_shown(error.model)} can't be used: {error.message}", f"{error.hint}\n{now}".strip()
    )


def compare(context: CommandContext, argument: str) -> Outcome:
    """Have two models answer one question: the last one, or that behind their names."""
    match = _COMPARED.fullmatch(argument)
    if match is None:
        raise InputError("/compare needs two models", "For example: /compare demo llava:7b")
    loads = [context.models.load(name) for name in match.groups()[:2]]
    typed, question = f"/compare {argument}", match[3]

    def ask(draft: Draft) -> Outcome:
        return _compared(context, loads, draft.text, typed, draft)

    def carry_out(context: CommandContext) -> Outcome:
        if question:
            return with_pictures(context, question, typed, ask)
        return _compared(context, loads, message_commands.last(context, Role.USER).message.text)

    return _agreed(context, loads, carry_out, Said("Nothing was asked"))


def _compared(
    context: CommandContext,
    loads: Sequence[Load],
    asked: str,
    typed: str = "",
    draft: Draft | None = None,
) -> Compare:
    from vlmtui.chat.comparison import Comparison

    session, ask = context.session, None
    if draft is not None:
        ask = partial(session.send, draft.text, draft.images, draft.places)
    comparison = Comparison(session, loads, ask)
    names, asked = tuple(load.name for load in loads), asked or "a picture"
    return Compare(
        *(comparison.run, typed), changes=True, comparison=comparison, models=names, asked=asked
    )


# ---------------------------------------------------------------------- all models


def models(context: CommandContext, argument: str) -> Outcome:
    """List the models, or do something with one."""
    verb, _, name = argument.strip().partition(" ")
    if verb not in _WITH_ONE:
        return _listed(context, argument)
    if not name.strip():
        raise InputError(f"/models {verb} needs a name", "/models lists the models")
    return _WITH_ONE[verb](context, name.strip())


def _listed(context: CommandContext, like: str) -> Outcome:
    found = context.models.choices()
    rows = [
        _row(each, context.session.model.request.name)
        for each in (*found.here, *found.elsewhere)
        if like.casefold() in each.name.casefold()
    ]
    notes = [
        Said(f"{printable.line(broken.name)} can't be used: {broken.reason}", broken.hint)
        for broken in found.broken
    ]
    if found.problem is not None:
        notes.append(Said(found.problem.message, found.problem.hint))
    return Listing(
        rows,
        "No model has this in its name",
        "/model NAME switches to one; /models pull, rm or info NAME",
        f"{units.size(found.machine.gpu_free or found.machine.free)} of memory is free",
        notes,
    )


def inform(context: CommandContext, name: str) -> Outcome:
    """Tell all that is known of a model."""
    from vlmtui.stats import model_details

    found = context.models.choice(name)
    return Table(found.name, model_details.rows(found))


def remove(context: CommandContext, name: str) -> Outcome:
    """Delete a model's files, if the user says yes."""
    from vlmtui.chat.requests import is_of
    from vlmtui.models import endpoints

    if (server := endpoints.holding(name)) is not None:
        return _remove_server(context, server)
    planned = context.models.removal(name)
    shown = _shown(planned.model.name)
    if is_of(context.session.model.request, planned.model):
        raise _in_use(planned.model.name)

    def carry_out(context: CommandContext) -> Outcome:
        context.models.remove(planned)
        return Said(f"Deleted {shown}" if planned.files else f"{shown} is no longer listed")

    question = (
        f"Delete {shown} and free {units.size(planned.freed)}?"
        if planned.files
        else f"Take {shown} off the list? Its file stays"
    )
    return Confirm(question, carry_out, _KEPT)


def _remove_server(context: CommandContext, server: Server) -> Outcome:
    now = context.session.model.request.name
    if now in (model.name for model in server.models):
        raise _in_use(now)
    name = _shown(server.name)

    def carry_out(context: CommandContext) -> Outcome:
        context.models.forget_server(server)
        return Said(f"{name} is no longer listed")

    return Confirm(f"Take {name} and its models off the list?", carry_out, _KEPT)


def _in_use(name: str) -> InputError:
    return InputError(f"{_shown(name)} is the model in use", "Switch to another model first")


_WITH_ONE = {"pull": lambda _, name: Pull(name), "rm": remove, "info": inform}


def _row(choice: Model, current: str) -> str:
    parts = (
        "in use" if choice.here and choice.name == current else "",
        _place(choice),
        _verdict(choice),
        f"{'about ' if choice.reckoned else ''}{units.size(choice.size_bytes)}"
        if choice.size_bytes
        else "",
        choice.installed.quantisation if choice.installed is not None else "",
        "" if choice.sees else "text only",
        choice.entry.about if choice.entry is not None else "",
    )
    return f"{_shown(choice.name)}: {printable.line(', '.join(filter(None, parts)))}"


def _place(choice: Model) -> str:
    if choice.served is not None:
        return f"on {choice.served.server.host}" + (", found" if choice.found else "")
    return "installed" if choice.here else "not downloaded"


def _verdict(choice: Model) -> str:
    fit_verdict = choice.fit_verdict
    if fit_verdict.problem is not None:
        return f"{fit_verdict.word}: {fit_verdict.problem.message}" if choice.here else ""
    changes = f" with {fit_verdict.changes}" if fit_verdict.changes else ""
    return f"{'fits' if fit_verdict.word == 'smaller' else fit_verdict.word}{changes}"


def _shown(name: str) -> str:
    return printable.line(name, _NAME)


# ---------------------------------------------------------------------- completion


def installed(context: CommandContext) -> Sequence[Choice]:
    """The models that can be used now, each with what it is."""
    from vlmtui.models import endpoints
    from vlmtui.stats.model_details import about

    here = [Choice(each.name, about(each)) for each in context.models.survey().models]
    return [*here, *(Choice(each.name, each.server.host) for each in endpoints.models())]


def verbs_and_installed(context: CommandContext) -> Sequence[Choice]:
    """What can be done with a model, and the models."""
    done = [("pull", "download it"), ("rm", "delete it"), ("info", "show what is known about it")]
    return [*(Choice(verb, f"NAME: {what}") for verb, what in done), *installed(context)]


VERBS = {"model": model, "models": models, "compare": compare}
CHOICES = {"model": installed, "models": verbs_and_installed}
