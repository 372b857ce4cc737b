"""The models that a chat could go on with: which there are, what loads one, whether it would fit.

Joins the library, the settings and what memory is free. It loads nothing and looks into headers
only, so everything here takes milliseconds; it blocks all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from vlmtui.chat.fitting import Prospect, shortage, this_machine
from vlmtui.chat.requests import load_request, request_for
from vlmtui.engine.base import Load
from vlmtui.errors import VlmtuiError
from vlmtui.models import library
from vlmtui.models.discovery import Discovery, InstalledModel
from vlmtui.models.fit import Fit, Machine, describe
from vlmtui.settings import Settings


class Outlook(msgspec.Struct, frozen=True):
    """What would become of loading a model."""

    word: str
    """In a list: "fits", "tight", "smaller", "too big", "damaged"."""

    about: str = ""
    """In a sentence; empty where the word says it all."""

    fit: Fit | None = None
    """How it would be loaded; None for a model that can't be."""


class Shelf:
    """What can be chosen. May be used from any thread."""

    def __init__(
        self,
        settings: Settings,
        pid: Callable[[], int | None] = lambda: None,
        machine: Callable[[int | None], Machine] = this_machine,
    ) -> None:
        """Look at nothing yet.

        Args:
            settings: How the user wants models loaded.
            pid: Process id of the engine, whose model would make way.
            machine: Tells what memory there is, given that process.
        """
        self._settings = settings
        self._pid = pid
        self._machine = machine

    def survey(self) -> Discovery:
        """All models on this machine, and the files that can't be used; blocks.

        Raises:
            SettingsError: The settings, which name directories, can't be understood.
            StorageError: The list of added models can't be read.
        """
        return library.survey()

    def load(self, name: str) -> Load:
        """What loads a model.

        Args:
            name: A name of the library, or the path of a GGUF file.

        Raises:
            ModelNotFound: There is no such model.
            BadModelFile: The file is no model.
        """
        return load_request(self._settings, name)

    def machine(self) -> Machine:
        """The memory that a model could have now."""
        return self._machine(self._pid())

    def outlook(self, model: InstalledModel, machine: Machine) -> Outlook:
        """Whether a model would fit, from its headers.

        Args:
            model: One of `survey`.
            machine: What there is, see `machine`.
        """
        try:
            prospect = Prospect.of(request_for(self._settings, model))
            fit = prospect.expected(machine)
        except VlmtuiError as error:
            return Outlook("damaged", error.message)
        if fit.verdict == "no":
            return Outlook("too big", shortage(model.name, fit), fit)
        if fit.setup != prospect.wanted:
            return Outlook("smaller", f"with {describe(fit.setup, prospect.wanted)}", fit)
        return Outlook("tight" if fit.verdict == "tight" else "fits", "", fit)


def place(model: InstalledModel) -> str:
    """Where a model lies, in a word or two."""
    if model.source in ("directory", "file"):
        return _folder(model.path)
    return _PLACES[model.source]


_PLACES = {
    "demo": "with vlmtui",
    "added": "added",
    "own": "vlmtui",
    "huggingface": "Hugging Face",
    "lm-studio": "LM Studio",
    "llama.cpp": "llama.cpp",
    "ollama": "Ollama",
}


def _folder(path: Path) -> str:
    """The directory of a file, the user's home as `~`."""
    folder = path.parent
    try:
        return str(Path("~") / folder.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # elsewhere, or there is no home
        return str(folder)
