"""How a chat is answered: its system prompt, its sampling, presets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from vlmtui import printable, units
from vlmtui.chat import answer_constraints
from vlmtui.commands import sampling_text
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Choice, Choices, Outcome, Said, SystemPrompt, Table
from vlmtui.engine import trained_questions
from vlmtui.engine.engine_requests import Files
from vlmtui.errors import InputError
from vlmtui.settings import Preset

if TYPE_CHECKING:  # the database: not needed for the first paint
    from vlmtui.chat.preferences import Preferences
    from vlmtui.engine.engine_events import ModelInfo

_EXCERPT = 60
"""Longest part of a system prompt that is shown on one line, in characters."""

_NAME = 40

CARD = "card"
"""The preset of what a model card recommends."""


def system(context: CommandContext, text: str) -> Outcome:
    """Set the system prompt of the chat, or tell it."""
    preferences = context.session.preferences
    if not text:
        return SystemPrompt(preferences.system, preferences.own_system is not None)
    if text.lower() == sampling_text.DEFAULT:
        preferences.change(system=None)
        return Said("Using the system prompt from the settings again")
    return set_system(context, text)


def set_system(context: CommandContext, text: str) -> Said:
    """Give the chat a system prompt of its own; an empty one: none at all."""
    preferences = context.session.preferences
    preferences.change(system=text)
    if not preferences.system:
        return Said("This chat has no system prompt")
    return Said(f"This chat has its own system prompt: {_excerpt(preferences.system)}")


def sampling(context: CommandContext, line: str) -> Outcome:
    """Set how the chat's tokens are chosen, or tell it."""
    preferences = context.session.preferences
    if not line:
        return _all_settings(preferences)
    if line.strip().lower() == sampling_text.DEFAULT:
        preferences.change(sampling=None)
        return Said("Using the sampling from the settings again")
    name, value = sampling_text.read(line)
    own = {key: old for key, old in preferences.own_sampling.items() if key != name}
    preferences.change(sampling=own if value is None else {**own, name: value})
    now = sampling_text.shown({name: getattr(preferences.sampling, name)})
    return Said(f"{now}{', as in the settings' if value is None else ' in this chat, from now on'}")


def detail(context: CommandContext, word: str) -> Outcome:
    """Set how finely the chat's pictures are looked at, or tell it."""
    preferences = context.session.preferences
    if word:
        sampling(context, f"detail {word}")
    now = preferences.sampling.detail
    whose = "in this chat" if "detail" in preferences.own_sampling else "as in the settings"
    said = f"Pictures are looked at in {now} detail, {whose}: {_DETAILS.get(str(now), '')}"
    if isinstance(now, int):
        said = f"A picture takes {units.count(now)} tokens at most, {whose}"
    return Said(said, _choice(context.session.model.info))


_DETAILS = {
    "low": "256 tokens each at most",
    "normal": "as many tokens as the model uses by default",
    "high": "1,024 tokens each at least",
    "max": "as many tokens as the model can take",
}


def _choice(info: ModelInfo | None) -> str:
    """What pictures can take with the model that is loaded."""
    if info is None or info.picture_tokens is None:
        return "More tokens show smaller things, fewer are faster: /detail low, high, max or 700"
    name = printable.line(info.name, _NAME)
    least, most = map(units.count, info.picture_tokens)
    if least == most:
        return f"{name} takes {most} tokens for every picture; /crop shows it a part"
    return f"With {name} a square picture can take {least} to {most} tokens"


def think(context: CommandContext, value: str) -> Outcome:
    """Say whether the chat's answers are thought about, or tell it."""
    if not value:
        now = sampling_text.shown({"think": context.session.preferences.sampling.think})
        return Choices(
            "think",
            f"Should the model think before it answers? ({now})",
            _THINKING,
            f"{now} now; /think N gives it N tokens",
        )
    said = sampling(context, f"think {value}")
    assert isinstance(said, Said)
    from vlmtui.commands.event_words import thinking_ignored

    session = context.session
    wanted = session.preferences.sampling.think
    return Said(said.message, thinking_ignored(session.model.info, wanted))


_THINKING = (
    Choice("auto", "if the model can; a small one for 512 tokens at most"),
    Choice("on", "for as long as the model likes"),
    Choice("off", "answer at once"),
    Choice("256", "for 256 tokens at most; any number will do"),
)


def _all_settings(preferences: Preferences) -> Table:
    def row(name: str, value: str, own: bool) -> tuple[str, str]:
        return name, f"{value} (this chat's own)" if own else value

    values, own = msgspec.structs.asdict(preferences.sampling), preferences.own_sampling
    rows = [
        row(name, sampling_text.shown({name: values[name]}).partition(" ")[2], name in own)
        for name in sampling_text.FIELDS
    ]
    own_system = preferences.own_system is not None
    rows.append(row("answers", _form(preferences), "constraint" in own))
    rows.append(row("system", _excerpt(preferences.system) or "none", own_system))
    return Table(
        "Settings of this chat",
        rows,
        "/set NAME VALUE changes it for this chat, /set NAME default undoes that",
    )


def presets(context: CommandContext) -> Mapping[str, Preset]:
    """All presets: those of the settings and of vlmtui, after those of the chat's model."""
    from vlmtui.models import catalog  # not needed for the first paint

    load, info = context.session.model.request, context.session.model.info
    entry = catalog.load().find(load.title)
    advised = msgspec.structs.asdict(entry.sampling) if entry is not None else {}
    found = {}
    if any(value is not None for value in advised.values()):
        found[CARD] = Preset(about=f"as recommended on the model card of {load.title}", **advised)
    if info is not None:
        questions = info.questions
    else:  # it isn't loaded yet: its names tell
        file = load.source.model if isinstance(load.source, Files) else ""
        questions = trained_questions.of(load.title, os.path.basename(file))
    for name, question in questions.items():
        about = f"pictures without words are asked {question!r}"
        found[name] = Preset(about=about, temperature=0.0, question=question)
    return {**found, **context.presets}


def preset(context: CommandContext, name: str) -> Outcome:
    """Take a preset for the chat, or tell which there are."""
    preferences = context.session.preferences
    if not name:
        return Choices(
            "preset",
            "Which preset should this chat use?",
            preset_choices(context),
            "/preset NAME uses one for this chat",
        )
    before = preferences.own_system
    if name == sampling_text.DEFAULT:
        preferences.change(system=None, sampling=None)
        return Said("This chat uses the settings again", _gone(before, preferences))
    known = presets(context)
    chosen = known.get(name)
    if chosen is None:
        raise InputError(
            f"There is no preset {printable.line(name, _NAME)}",
            "There are: " + ", ".join([*known, sampling_text.DEFAULT]),
        )
    preferences.change(
        system=msgspec.UNSET if chosen.system is None else chosen.system,
        sampling=_sampling_of(chosen) or None,
    )
    own = own_settings(preferences)
    return Said(
        f"Answers are {printable.line(name, _NAME)} in this chat{own and f': {own}'}",
        _gone(before, preferences),
    )


def _sampling_of(chosen: Preset) -> dict[str, Any]:
    sampling = sampling_text.of_preset(chosen)
    given = (chosen.schema, chosen.choices, chosen.grammar, chosen.regex)
    if (constraint := answer_constraints.of(*given)) is not None:
        sampling["constraint"] = constraint
    return sampling


def _gone(before: str | None, preferences: Preferences) -> str:
    """Which system prompt of the chat's own a preset has taken away; empty for none."""
    if not before or preferences.own_system == before:
        return ""
    return f"The chat's system prompt was “{_excerpt(before)}”"


def _in_force(preferences: Preferences, chosen: Preset) -> bool:
    """Whether a chat is as a preset makes it."""
    system = chosen.system is None or chosen.system == preferences.own_system
    return system and preferences.own_sampling == _sampling_of(chosen)


def own_settings(preferences: Preferences) -> str:
    """What of a chat's settings is its own, in words; empty where nothing is."""
    numbers = sampling_text.shown(preferences.own_sampling)
    parts = [numbers] if numbers else []
    if preferences.own_sampling.get("constraint"):
        parts.append(_form(preferences))
    if preferences.own_system is not None:
        parts.append("a system prompt" if preferences.system else "no system prompt")
    return ", ".join(parts)


def _form(preferences: Preferences) -> str:
    constraint = preferences.sampling.constraint
    return "free" if constraint is None else answer_constraints.shown(constraint)


def preset_choices(context: CommandContext) -> Sequence[Choice]:
    """The presets, each with what it is for."""
    preferences = context.session.preferences
    known = {
        name: (each.about or sampling_text.shown(_sampling_of(each)), _in_force(preferences, each))
        for name, each in presets(context).items()
    }
    own = bool(preferences.own_sampling) or preferences.own_system is not None
    known[sampling_text.DEFAULT] = ("as in the settings", not own)
    return [
        Choice(name, f"{about} (in use)" if used else about)
        for name, (about, used) in known.items()
    ]


def _excerpt(text: str) -> str:
    return printable.line(" ".join(text.split()), _EXCERPT)


_DETAIL = (
    *(Choice(name, what) for name, what in _DETAILS.items()),
    Choice("default", "as in the settings"),
)
_SAMPLING = [Choice(name, values) for name, (values, _) in sampling_text.FIELDS.items()]

VERBS = {"system": system, "set": sampling, "detail": detail, "think": think, "preset": preset}
CHOICES: dict[str, Callable[[CommandContext], Sequence[Choice]]] = {
    "set": lambda _: _SAMPLING,
    "detail": lambda _: _DETAIL,
    "think": lambda _: _THINKING,
    "preset": preset_choices,
}
