"""The user's settings: one TOML file, one documented field each.

A file that can't be understood is an error that names the file and the key, never a guess: a typo
that silently leaves a default in place is harder to find than a refusal. This module does not know
what the fields are used for, so the engine's own types don't appear here.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vlmtui import paths
from vlmtui.errors import SettingsError


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set. Command-line options go before these, these before the defaults."""

    model: str = "demo"
    """Name of an installed model, or the path of a GGUF file. `demo` is the bundled one."""

    mmproj: str | None = None
    """Path of the model's vision tower and projector, where it isn't found beside the model."""

    system: str = ""
    """System prompt of new conversations; empty for none."""

    ctx: Annotated[int, Meta(ge=0)] = 0
    """Context size in tokens; 0 takes the model's own, up to 4096 and to what fits into memory."""

    kv: Literal["f16", "q8_0", "q4_0"] = "f16"
    """What the KV cache is kept in: q8_0 takes half the memory of f16, q4_0 a quarter."""

    gpu_layers: Annotated[int, Meta(ge=-1)] = -1
    """Layers kept on the GPU; -1 means all, where there is one."""

    threads: Annotated[int, Meta(ge=0)] = 0
    """CPU threads; 0 takes the physical cores."""

    theme: str = ""
    """Name of the colour theme; empty takes the one that was chosen last in the chat."""

    keys: dict[str, str] = {}
    """Other keys for what is on a key, by the id of the binding: `"chat.stop" = "ctrl+g, escape"`.
    `vlmtui keys` lists the ids."""

    images: Literal["auto", "kitty", "sixel", "halfblock", "none"] = "auto"
    """How pictures are shown: as kitty graphics, sixels, half blocks, or not at all. `auto` finds
    out what the terminal can do."""

    temperature: Annotated[float, Meta(ge=0)] = 0.2
    """0 always takes the likeliest token; higher is more varied."""

    top_k: Annotated[int, Meta(ge=0)] = 40
    """Choose among this many likeliest tokens; 0 among all."""

    top_p: Annotated[float, Meta(ge=0, le=1)] = 0.95
    """Choose among the likeliest tokens that together have this probability; 1 among all."""

    min_p: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Leave out tokens less likely than this share of the likeliest one; 0 leaves out none."""

    repeat_penalty: Annotated[float, Meta(gt=0)] = 1.0
    """Above 1 makes recent tokens less likely; 1 does nothing."""

    max_tokens: Annotated[int, Meta(ge=0)] = 0
    """Longest answer in tokens; 0 goes on until the model stops or the context is full."""

    def __post_init__(self) -> None:
        # TOML has nan and inf, and a comparison with nan passes every bound above.
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"Expected a finite number, got `{value}` - at `$.{name}`")


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        path: The file; None takes the user's own, which need not exist.

    Raises:
        SettingsError: The file is missing (when named), can't be read, is not TOML, or has a key or
            value that means nothing.
    """
    file = paths.config_path() if path is None else path
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        if path is None:
            return Settings()
        raise SettingsError(
            f"There is no settings file {file}", "Check the path, or leave the option out"
        ) from error
    except OSError as error:
        raise SettingsError(
            f"The settings file {file} can't be read: {error.strerror}", "Check its permissions"
        ) from error
    return _parse(content.removeprefix(b"\xef\xbb\xbf"), file)


def _parse(content: bytes, file: Path) -> Settings:
    try:
        return msgspec.toml.decode(content, type=Settings)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), file) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"The settings file {file} is not UTF-8 text: byte {error.start}",
            "Save it as UTF-8",
        ) from error
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"The settings file {file} is not valid TOML: {error}", "Correct that line"
        ) from error


def _refusal(complaint: str, file: Path) -> SettingsError:
    """Turn a complaint of msgspec into words about a key."""
    if unknown := re.search(r"unknown field `(.*?)`", complaint):
        key = unknown[1]
        return SettingsError(f"The settings file {file} has an unknown key `{key}`", _nearest(key))
    what, _, where = complaint.rpartition(" - at ")
    key = where.strip("`").removeprefix("$.")
    what = what[:1].lower() + what[1:]
    return SettingsError(
        f"The settings file {file} has a wrong value for `{key}`: {what}",
        f"Correct the line, or delete it to get the default ({_default(key)})",
    )


def _nearest(key: str) -> str:
    import difflib  # only in the case of an error, and it costs 5 ms

    known = Settings.__struct_fields__
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known keys: {', '.join(known)}"


def _default(key: str) -> str:
    value = getattr(Settings(), key)
    return "none" if value is None else repr(value)
