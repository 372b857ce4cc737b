"""Presets that come with a model: its card's sampling, and the questions of its training."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from vlmtui.commands.context import CommandContext
from vlmtui.engine import trained_questions
from vlmtui.engine.engine_requests import Files
from vlmtui.settings import Preset

CARD = "card"
"""The preset of what a model card recommends."""


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
