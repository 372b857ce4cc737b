"""What is asked: the options of the command, and the prompt and pictures they stand for."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vlmtui.ask import standard_input
from vlmtui.chat import requests
from vlmtui.compose import crops
from vlmtui.compose.references import local
from vlmtui.engine import images
from vlmtui.engine.engine_requests import KvType, Load, Sampling, Think
from vlmtui.engine.images import crops as boxes
from vlmtui.errors import (
    EmptyPrompt,
    ImageEmpty,
    ImageError,
    ImageTooLarge,
    InputError,
    StorageError,
)
from vlmtui.messages import Detail, ImagePart
from vlmtui.settings import Settings

if TYPE_CHECKING:  # the database: not needed for most questions
    from vlmtui.ask.saved_chat import SavedChat

STDIN = "-"
"""Stands for standard input, as a prompt or as the path of a picture."""

_COPY = "stdin"
_PART = "part"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `vlmtui ask`. None takes what the settings say."""

    prompt: str
    images: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    """Follow-ups in the same conversation."""

    model: str | None = None
    mmproj: str | None = None
    template: str | None = None
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    detail: Detail | None = None
    schema: str | None = None
    """What answers must be like: at most one of these four."""

    choices: str | None = None
    grammar: str | None = None
    regex: str | None = None
    think: Think | None = None
    thought: bool = False
    """What the model thinks goes to standard error."""

    ctx: int | None = None
    kv: KvType | None = None
    save: bool = False
    """Keep it as a chat."""

    continue_last: bool = False
    """Go on with the one that was kept last."""

    as_json: bool = False
    plain: bool = False
    """Nothing but the answer, on a terminal too."""

    def load(self, settings: Settings) -> Load:
        """Which model to load, and how; raises as `requests.asked_for`."""
        return requests.asked_for(
            settings, self.model, self.mmproj, self.template, ctx=self.ctx, kv=self.kv
        )

    def sampling(self, settings: Settings) -> Sampling:
        """The settings' sampling, with what was asked for instead.

        Raises:
            InputError: Answers can't be held to what they must be like.
        """
        names = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "detail", "think")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        constraint = (self.schema, self.choices, self.grammar, self.regex)
        if any(each is not None for each in constraint):
            from vlmtui.chat import answer_constraints

            given["constraint"] = answer_constraints.of(*constraint)
        return msgspec.structs.replace(requests.sampling(settings), **given)

    def system_prompt(self, settings: Settings) -> str:
        return settings.system if self.system is None else readable(self.system)

    @property
    def is_saved(self) -> bool:
        return self.save or self.continue_last

    def saved(self) -> SavedChat:
        """Where it is kept; raises as `SavedChat`."""
        from vlmtui.ask.saved_chat import SavedChat

        system = None if self.system is None else readable(self.system)
        return SavedChat(system, resume=self.continue_last)

    def texts(self) -> tuple[str, ...]:
        """What the user says in each turn, with what is to be read of it from standard input.

        Raises:
            EmptyPrompt: A turn would be empty.
            InputError: Standard input can't be read.
        """
        prompt = self._prompt()
        if not prompt.strip() and not self.images:
            raise EmptyPrompt("The prompt is empty", "Ask something, or attach an image.")
        follow_ups = tuple(readable(text) for text in self.then)
        if not all(text.strip() for text in follow_ups):
            raise EmptyPrompt("A follow-up is empty", "Give --then a text.")
        return (prompt, *follow_ups)

    def _prompt(self) -> str:
        if self.prompt == STDIN:
            return standard_input.prompt()
        prompt = readable(self.prompt)
        if any(crops.split(image)[0] == STDIN for image in self.images):
            return prompt
        return "\n\n".join(filter(None, (standard_input.beside(), prompt)))


class Pictures(contextlib.ExitStack):
    """Turns paths into message parts.

    A picture from standard input or the web is a temporary file until the context ends.
    """

    _directory = ""

    def part(self, path: str) -> ImagePart:
        """A picture as part of a message; "-" reads standard input, a URL is fetched.

        Raises:
            ImageError: It can't be used; the error names the file and what to do.
            FetchFailed: It can't be fetched.
        """
        path, part = crops.split(path)
        name = path
        if path == STDIN:
            file = self._copy_of_stdin()
        elif path.startswith(("http://", "https://")):
            from vlmtui.chat import fetch  # with it comes TLS
            from vlmtui.net import addresses

            file, name = self.enter_context(fetch.fetched(path)), addresses.shown(path)
        else:
            file = Path(os.path.abspath(os.path.expanduser(local(path) or path)))
        info = images.inspect(file)
        if part is not None:
            box = boxes.box(part, (info.width, info.height), name)
            file, name = self._part_of(file, box, name), f"{name}{box}"
            info = images.inspect(file)
        return ImagePart(str(file), info.sha256, name, info.width, info.height)

    def _part_of(self, picture: Path, box: boxes.Box, name: str) -> Path:
        import tempfile

        try:
            descriptor, path = tempfile.mkstemp(prefix=_PART, dir=self._place())
            with os.fdopen(descriptor, "wb") as file:
                boxes.cut(picture, box, file, name)
        except OSError as error:
            raise _not_stored(f"The part of {name}", error) from error
        return Path(path)

    def _place(self) -> str:
        """The directory for pictures that are only ours."""
        if not self._directory:
            import tempfile

            self._directory = self.enter_context(tempfile.TemporaryDirectory(prefix="vlmtui-ask-"))
        return self._directory

    def as_named(self, error: ImageError) -> ImageError:
        """The error, with our copy of a picture called what it is a copy of."""
        if not self._directory:
            return error
        copy = re.escape(str(Path(self._directory, _COPY)))
        called = rf"{copy}|\A{STDIN}(?= )|(?<=\ADecoding ){STDIN}(?= )"
        message, found = re.subn(called, "the picture on standard input", error.message)
        if not found:
            return error
        message = message[:1].upper() + message[1:]
        return type(error)(message, "Pipe a whole picture file into the command.")

    def _copy_of_stdin(self) -> Path:
        if sys.stdin.isatty():
            raise InputError(
                "There is no picture on standard input",
                "Pipe one into the command: vlmtui ask --image - … < picture.png",
            )
        content = standard_input.read(images.MAX_FILE_BYTES + 1)
        if not content:
            raise ImageEmpty(
                "The picture on standard input is empty (0 bytes)",
                "Did the command before the pipe fail?",
            )
        if len(content) > images.MAX_FILE_BYTES:
            limit = f"{images.MAX_FILE_BYTES / 1e6:.0f} MB"
            raise ImageTooLarge(
                f"The picture on standard input is larger than {limit}",
                "Save it smaller, for example as JPEG.",
            )
        try:
            file = Path(self._place(), _COPY)
            file.write_bytes(content)
        except OSError as error:
            raise _not_stored("The picture on standard input", error) from error
        return file


def _not_stored(what: str, error: OSError) -> StorageError:
    return StorageError(
        f"{what} can't be stored temporarily: {error.strerror}",
        "Make room for temporary files, or set TMPDIR to another directory.",
    )


def readable(text: str) -> str:
    """An argument as text: bytes that are not UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
