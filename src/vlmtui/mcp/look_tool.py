"""The one tool: a question about a picture, answered by a model here."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from vlmtui.engine import images
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Delta, Loaded
from vlmtui.engine.engine_requests import Generate, Load, Sampling
from vlmtui.errors import GenerateFailed, ImageError, ImageNotFound, InputError, StorageError
from vlmtui.messages import ImagePart, user

LONGEST = 1024
"""Tokens of an answer where the settings have no bound: an agent wants facts."""


class LookTool:
    """Answers questions about pictures below some directories. One at a time."""

    def __init__(
        self, engine: Engine, load: Load, sampling: Sampling, directories: Sequence[Path]
    ) -> None:
        self._engine = engine
        self._load = load
        longest = sampling.max_tokens or LONGEST
        self._sampling = msgspec.structs.replace(sampling, max_tokens=longest)
        self._directories = [Path(os.path.realpath(each)) for each in directories]

    def look(self, picture: str, question: str) -> str:
        """Answer a question about a picture; blocks, and loads the model when it isn't.

        The path is absolute, or from the first directory on.

        Raises:
            InputError: The picture isn't there, may not be seen or can't be used.
            EngineError: The model can't be loaded, or fails.
        """
        if not question.strip():
            raise InputError(
                "The question is empty", "Ask what you want to know about the picture."
            )
        with tempfile.TemporaryDirectory(prefix="vlmtui-mcp-") as folder:
            copy = Path(folder, "picture")
            self._copy(picture, copy)
            try:
                info = images.inspect(copy)
                part = ImagePart(str(copy), info.sha256, picture, info.width, info.height)
                self._ensure()
                asked = Generate((user(question, (part,)),), self._sampling)
                events = self._engine.generate(asked)
                return "".join(event.text for event in events if isinstance(event, Delta))
            except ImageError as error:
                words = error.message.replace(str(copy), picture)
                raise type(error)(words, error.hint) from None

    def stop(self) -> None:
        self._engine.cancel()

    def _ensure(self) -> None:
        if self._engine.info is not None:
            return
        for event in self._engine.load(self._load):
            if isinstance(event, Loaded) and not event.info.vision:
                self._engine.unload()
                raise GenerateFailed(f"{self._load.title} sees no pictures")

    def _copy(self, picture: str, copy: Path) -> None:
        """Copy a picture that may be seen, wherever links lead.

        What was opened is judged as well as its path, which may mean something else a moment later.
        """
        path = os.path.join(self._directories[0], os.path.expanduser(picture))
        try:
            self._permit(picture, os.path.realpath(path))
            # not waiting: a FIFO may have no writer
            opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a path"
            raise ImageNotFound(f"{picture} can't be opened: {why}", "Check the path.") from error
        with os.fdopen(opened, "rb") as source:
            self._permit(picture, os.readlink(f"/proc/self/fd/{opened}"))
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or found.st_size > images.MAX_FILE_BYTES:
                raise InputError(f"{picture} is not a picture file", "Name a file.")
            try:
                with copy.open("wb") as target:
                    shutil.copyfileobj(source, target)
            except OSError as error:
                raise StorageError(f"{picture} can't be copied: {error.strerror}") from error

    def _permit(self, picture: str, real: str) -> None:
        """See that a path without links is in one of the directories."""
        if not any(Path(real).is_relative_to(each) for each in self._directories):
            allowed = ", ".join(map(str, self._directories))
            raise InputError(f"{picture} may not be looked at", f"Only pictures in {allowed} may.")
