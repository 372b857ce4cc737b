"""The user's settings: one TOML file, one documented field each.

A file that can't be understood is an error that names the file and the key, never a guess: a typo
that silently leaves a default in place is harder to find than a refusal. This module does not know
what the fields are used for, so the engine's own types don't appear here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from vlmtui import kept, paths, wrong_values
from vlmtui.errors import SettingsError, remedy
from vlmtui.messages import Detail

_Kind = TypeVar("_Kind")

NotNegative = Annotated[float, Meta(ge=0)]
_YEAR_MINUTES = 525_600
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=0.01, le=100)]  # in float32, which divides by it
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]  # what libraries in C take
Named = Annotated[str, Meta(min_length=1)]
Think = Literal["auto", "on", "off"] | Annotated[int, Meta(ge=1, le=2**31 - 1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]


def _only_finite(values: msgspec.Struct) -> None:
    # TOML has nan and inf, and a comparison with nan passes every bound.
    for name in values.__struct_fields__:
        value = getattr(values, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"Expected a finite number, got `{value}` - at `$.{name}`")


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a chat is answered, under a name. What is left out stays as the settings have it."""

    about: str = ""
    """A few words for the list of presets."""

    system: str | None = None
    """System prompt; empty for none at all."""

    temperature: NotNegative | None = None
    top_k: Count | None = None
    top_p: Share | None = None
    min_p: Share | None = None
    repeat_penalty: Penalty | None = None
    seed: Seed | None = None
    """The same question in the same chat gets the same answer."""

    max_tokens: Count | None = None
    think: Think | None = None
    stop: list[str] | None = None
    """The answer ends before the first of these."""

    detail: Detail | None = None
    question: str | None = None
    """What is asked of pictures that come without words; empty for what the model was trained to be
    asked."""
    schema: str | None = None
    """What answers must be like: JSON Schema, a file with it, or its short form."""

    choices: list[str] | None = None
    """The answer is one of these texts."""

    grammar: str | None = None
    """What answers must be like: a file with a grammar in GBNF."""

    regex: str | None = None
    """What answers must match. Of these four at most one can be given."""

    def __post_init__(self) -> None:
        _only_finite(self)


PRESETS = {
    "precise": Preset(
        about="short and certain: what is there, and nothing else",
        system="Answer exactly and in few words. Say so when the picture does not show it.",
        temperature=0.0,
    ),
    "creative": Preset(
        about="varied and surprising: stories, titles, ideas",
        temperature=1.0,
        top_p=0.98,
        min_p=0.02,
        repeat_penalty=1.05,
    ),
    "describe": Preset(
        about="everything that can be seen, in order",
        system=(
            "Describe pictures completely: the whole first, then each object with its colour, "
            "size and place, then text that can be read. Claim nothing that can't be seen."
        ),
        temperature=0.2,
    ),
}
"""Presets that come with vlmtui; those of the settings go before them."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set. Command-line options go before these, these before the defaults."""

    model: Named = "demo"
    """Name of an installed model, or the path of a GGUF file. `demo` is the bundled one."""

    mmproj: Named | None = None
    """Path of the model's vision tower and projector, where it isn't found beside the model."""

    model_dirs: list[str] = []
    """Directories with models, searched with all below them besides our own and the stores of
    Hugging Face, Ollama, LM Studio and llama.cpp; `~` is your home."""

    system: str = ""
    """System prompt of new conversations; empty for none."""

    ctx: Count = 0
    """Context size in tokens; 0 takes the model's own, up to 4096 and to what fits into memory."""

    kv: Literal["f16", "q8_0", "q4_0"] = "f16"
    """What the KV cache is kept in: q8_0 takes half the memory of f16, q4_0 a quarter."""

    gpu_layers: Annotated[int, Meta(ge=-1, le=2**31 - 1)] = -1
    """Layers kept on the GPU; -1 means all, where there is one."""

    threads: Count = 0
    """CPU threads; 0 takes the physical cores, fewer while other programs want them."""

    keep_alive: Annotated[float, Meta(ge=-1)] = 5.0
    """Minutes that a model stays loaded after the last vlmtui that used it, for the next one; -1
    for ever. With 0 each vlmtui loads its model for itself. `VLMTUI_KEEP_ALIVE` goes before it."""

    prepare: bool = True
    """Read pictures, long texts and the chat that is opened while the question is being written, so
    that its answer begins at once; false leaves the machine alone until it is asked."""

    server_ports: tuple[Port, ...] = (8484, 8080, 11434, 1234, 8000)
    """Ports of this machine where servers with models are looked for (vlmtui, llama-server, Ollama,
    LM Studio, vLLM) when models are listed; empty for none. `VLMTUI_SERVER_PORTS` goes first."""

    disk_cache_gb: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    """Gigabytes of the disk that may hold what models have computed of pictures and chats, so that
    it isn't computed again; 0 for none. `vlmtui cache` shows and clears it."""

    finish_after_hangup: Annotated[float, Meta(ge=0, le=_YEAR_MINUTES)] = 10.0
    """Minutes that an answer may go on when the connection or the terminal is gone, to be found in
    the chat later; 0 stops it."""

    local_only: bool = False
    """Use no model that another machine runs."""

    templates: dict[str, Named] = {}
    """Chat templates by the name of the model, for files that have none or a wrong one: the name of
    a built-in one (`gemma`) or the path of a file with Jinja source."""

    theme: str = ""
    """Name of the colour theme; empty takes the one that was chosen last in the chat."""

    keys: dict[str, str] = {}
    """Other keys for what is on a key, by the id of the binding: `"chat.stop" = "ctrl+g, escape"`.
    `vlmtui keys` lists the ids."""

    images: Literal["auto", "kitty", "sixel", "symbols", "quadrants", "halfblock", "none"] = "auto"
    """How pictures are shown: as kitty graphics, sixels, half blocks, or not at all. `auto` finds
    out what the terminal can do."""

    presets: dict[str, Preset] = {}
    """Ways to be answered, chosen in the chat with `/preset NAME`: a table `[presets.NAME]` each,
    with `system` and the fields from `temperature` on, as far as they differ."""

    temperature: NotNegative = 0.2
    """0 always takes the likeliest token; higher is more varied."""

    top_k: Count = 40
    """Choose among this many likeliest tokens; 0 among all."""

    top_p: Share = 0.95
    """Choose among the likeliest tokens that together have this probability; 1 among all."""

    min_p: Share = 0.05
    """Leave out tokens less likely than this share of the likeliest one; 0 leaves out none."""

    repeat_penalty: Penalty = 1.0
    """Above 1 makes recent tokens less likely; 1 does nothing."""

    max_tokens: Count = 0
    """Longest answer in tokens, with what is thought before it; 0 goes on until the model stops or
    the context is full."""

    think: Think = "auto"
    """Whether a model that can thinks before it answers: `auto` has it, a small model within a
    budget; `on` for as long as it likes; `off` not; a number is the budget in tokens."""

    detail: Detail = "normal"
    """How finely pictures are looked at, where the model has a choice: low (256 tokens at most),
    normal, high (1,024 at least), max, or a number: so many tokens at most."""

    question: str = ""
    """What is asked of pictures that come without words; empty for what the model was trained to be
    asked, where that is something of its own (OCR models)."""

    def __post_init__(self) -> None:
        _only_finite(self)


SERVER_PORTS = "VLMTUI_SERVER_PORTS"
"""Environment variable that goes before the setting; 0 for no port."""


def server_ports(settings: Settings) -> Sequence[int]:
    """Ports of this machine that are looked at for servers.

    Raises:
        SettingsError: The environment variable has no such numbers.
    """
    given = os.environ.get(SERVER_PORTS, "").replace(",", " ").split()
    if not given:
        return settings.server_ports
    try:
        ports = [int(each) for each in given]
    except ValueError:
        ports = [-1]
    if not all(0 <= port <= 65535 for port in ports):
        raise SettingsError(
            f"{SERVER_PORTS} is {' '.join(given)!r}, which are not port numbers", "Correct it."
        )
    return [port for port in ports if port]


KEEP_ALIVE = "VLMTUI_KEEP_ALIVE"
"""Environment variable that goes before the setting."""


def keep_alive_seconds(settings: Settings) -> float:
    """Seconds that a model stays loaded for the next vlmtui; negative, or a century: for ever.

    Raises:
        SettingsError: The environment variable is no such number.
    """
    given = os.environ.get(KEEP_ALIVE, "")
    try:
        minutes = float(given) if given else settings.keep_alive
    except ValueError:
        minutes = math.nan
    if not minutes >= -1 or math.isinf(minutes):
        raise SettingsError(
            f"{KEEP_ALIVE} is {given!r}, which is not a number of minutes, -1 or more",
            "Correct it.",
        )
    return minutes * 60 if minutes < 100 * _YEAR_MINUTES else -1.0


def load_settings() -> Settings:
    """Read the user's settings; the defaults where there is no file.

    Raises:
        SettingsError: The file can't be read, is not TOML, or has a key or value that means
            nothing.
    """
    file = paths.config_path()
    try:
        content = kept.read(file)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(
            f"The settings file {file} can't be read: {error.strerror}",
            f"Set {paths.HOME_VARIABLE} or XDG_CONFIG_HOME to a directory, or unset it"
            if isinstance(error, NotADirectoryError)
            else remedy(error, "Look at the file and its permissions"),
        ) from error
    try:
        return decoded_toml(content, Settings, f"The settings file {file}")
    except msgspec.ValidationError as error:
        raise _refusal(str(error), file) from error


def decoded_toml(content: bytes, kind: type[_Kind], what: str) -> _Kind:
    """The value of a TOML file; `what` names that in an error: "The catalogue PATH".

    Raises:
        SettingsError: It is not TOML.
        msgspec.ValidationError: It is of another kind.
    """
    try:
        return msgspec.toml.decode(content.removeprefix(b"\xef\xbb\xbf"), type=kind)
    except msgspec.ValidationError:
        raise
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{what} is not UTF-8 text: byte {error.start}", "Save it as UTF-8"
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise SettingsError(f"{what} is not valid TOML: {why}", "Correct that line") from error


def _refusal(complaint: str, file: Path) -> SettingsError:
    """Turn a complaint of msgspec into words about a key."""
    where, what = wrong_values.in_words(complaint)
    if key := wrong_values.unknown_key(complaint):
        within, fields = (f" in {where}", Preset) if where else ("", Settings)
        return SettingsError(
            f"The settings file {file} has an unknown key `{key}`{within}",
            _nearest(key, fields.__struct_fields__),
        )
    default = f" to get the default ({_default(where)})" if where in _defaults() else ""
    return SettingsError(
        f"The settings file {file} has a wrong value for `{where}`: {what}",
        f"Correct the line, or delete it{default}",
    )


def _nearest(key: str, known: Sequence[str]) -> str:
    import difflib  # only in the case of an error, and it costs 5 ms

    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known keys: {', '.join(known)}"


def _defaults() -> dict[str, Any]:
    return msgspec.structs.asdict(Settings())


def _default(key: str) -> str:
    value = _defaults()[key]
    return "none" if value is None else repr(value)
