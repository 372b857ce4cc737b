"""Presets that come with a model: its card's sampling, and the questions of its training."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from vlmtui.commands.context import CommandContext
from vlmtui.settings import Preset

CARD = "card"
"""The preset of what a model card recommends."""


def presets(context: CommandContext) -> Mapping[str, Preset]:
    """All presets: those of the settings and of vlmtui, after those of the model that is loaded."""
    info = context.session.model_info
    if info is None:
        return context.presets
    from vlmtui.models import catalog  # not needed for the first paint

    entry = catalog.load().find(info.name)
    advised = msgspec.structs.asdict(entry.sampling) if entry is not None else {}
    found = {}
    if any(value is not None for value in advised.values()):
        found[CARD] = Preset(about=f"as the card of {info.name} recommends", **advised)
    for name, question in info.questions.items():
        about = f"pictures without words are asked {question!r}"
        found[name] = Preset(about=about, temperature=0.0, question=question)
    return {**found, **context.presets}
