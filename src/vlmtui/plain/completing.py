"""What Tab may put in the place of a word: commands, paths, models, settings."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui.commands import parsing, sampling_text
from vlmtui.compose import completion
from vlmtui.errors import VlmtuiError
from vlmtui.plain import plain_specs
from vlmtui.plain.sitting import Means


class Completer:
    """Completes the word before the cursor."""

    def __init__(self, means: Means) -> None:
        """Look at nothing yet.

        Args:
            means: Knows models and presets.
        """
        self._means = means

    def __call__(self, before: str, word: str) -> Sequence[str]:
        """What the word could become.

        Args:
            before: The line up to the cursor.
            word: Its last word.
        """
        if before.startswith("/") and " " not in before:
            return [
                f"/{spec.name} " for spec in plain_specs.SPECS if f"/{spec.name}".startswith(before)
            ]
        command = parsing.parse(before)
        name = command.name if command is not None else ""
        sign = "@" if word.startswith("@") else ""
        if sign or name in ("image", "pick", "import", "export"):
            return [
                sign + completion.spell(found.path, "", whole=True)
                for found in completion.candidates(word.removeprefix(sign))
            ]
        return [f"{each} " for each in self._arguments(name) if each.startswith(word)]

    def _arguments(self, name: str) -> Sequence[str]:
        match name:
            case "preset":
                return [*self._means.presets, sampling_text.DEFAULT]
            case "set":
                return list(sampling_text.FIELDS)
            case "help":
                return [spec.name for spec in plain_specs.SPECS]
            case "model" | "compare":
                return self._models()
            case "models":
                return ["pull", "rm", "info", *self._models()]
            case _:
                return []

    def _models(self) -> list[str]:
        try:
            return [model.name for model in self._means.shelf.survey().models]
        except VlmtuiError:
            return []  # the command itself tells, when it is given
