"""From a command's name to what it does. The modules of topics are imported when needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Choice, Outcome, Said
from vlmtui.commands.spec import Spec

Verb = Callable[[CommandContext, str], Outcome]
"""Does a command with its argument. Blocks; raises `VlmtuiError` where it can't be done."""

BUSY = Said("An answer is on its way", "Esc stops it")
"""Where a command has to wait for the end of a turn."""


def do(spec: Spec, context: CommandContext, argument: str) -> Outcome:
    """Do a command; raises `VlmtuiError` where it can't be done."""
    spec.check(argument)
    verb: Verb = _module(spec).VERBS[spec.name]
    return verb(context, argument)


def choices(spec: Spec, context: CommandContext) -> Sequence[Choice]:
    """What the command's argument can be, for completion. Blocks."""
    known: dict[str, Callable[[CommandContext], Sequence[Choice]]] = _module(spec).CHOICES
    return known[spec.name](context)


def _module(spec: Spec) -> Any:
    return importlib.import_module(f"vlmtui.commands.{spec.topic}_commands")
