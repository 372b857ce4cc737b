"""What Tab may put in the place of a word: commands, paths, models, settings."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui.commands import parsing, specs, verbs
from vlmtui.commands.context import CommandContext
from vlmtui.compose import completion
from vlmtui.errors import VlmtuiError


def complete(context: CommandContext, before: str, word: str) -> Sequence[str]:
    """What the word before the cursor could become.

    Args:
        context: Knows what arguments can be.
        before: The line up to the cursor.
        word: Its last word.
    """
    if before.startswith("/") and " " not in before:
        return [f"/{spec.name} " for spec in specs.beginning_with(before, "lines")]
    command = parsing.parse(before)
    name = command.name if command is not None else ""
    sign = "@" if word.startswith("@") else ""
    if sign or name in ("image", "pick", "import", "export"):
        return [
            sign + completion.spell(found.path, "", whole=True)
            for found in completion.candidates(word.removeprefix(sign))
        ]
    return [f"{each} " for each in _arguments(context, name) if each.startswith(word)]


def _arguments(context: CommandContext, name: str) -> Sequence[str]:
    if name == "help":
        return [spec.name for spec in specs.of("lines")]
    spec = specs.find("model" if name == "compare" else name)  # whose words are models, too
    if spec is None or not spec.choices or spec.only == "screen":
        return []
    try:
        return [choice.value for choice in verbs.choices(spec, context)]
    except VlmtuiError:
        return []  # the command itself tells, when it is given
