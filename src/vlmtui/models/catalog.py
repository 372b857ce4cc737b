"""The catalogue: models that are known to work, where they can be had and what they need.

What ships is `catalog.toml`; `models.toml` in the configuration directory adds entries, or other
values for those that ship. Its patterns are held against the files that a repository really has by
`download.choice`; this module fetches nothing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vlmtui import kept, paths, wrong_values
from vlmtui.errors import SettingsError, VlmtuiError
from vlmtui.models.installed import StoredFile
from vlmtui.models.memory import DEFAULT_CTX, KV_BYTES, Bytes, Need
from vlmtui.settings import Penalty, decoded_toml

USER_FILE = "models.toml"

Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]
Repository = Annotated[str, Meta(pattern=r"^[\w.-]+/[\w.-]+$")]
Terms = Literal["open", "conditions", "non-commercial"]

BITS = {"F16": 16.0, "Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.7, "AWQ": 5.0, "Q4_K_M": 4.85}
"""Bits a weight, all tensors of a usual model together; of AWQ what it takes in memory, as Q4_1."""

_USUAL_BITS = 4.85
_USUAL_TOWER = 850_000_000
_USUAL_KV = 131_072
_BUFFERS = 250_000_000
"""Of one step and of encoding a picture; docs/models.md has the arithmetic."""


class Advised(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a model card recommends to choose tokens; None where it says nothing."""

    temperature: Annotated[float, Meta(ge=0)] | None = None
    top_k: Count | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    repeat_penalty: Penalty | None = None


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model that can be had. Sizes are in bytes; 0 where nobody has seen it."""

    name: Name
    """What it goes by, here and when it is installed; the name of its table."""

    title: str = ""
    about: str = ""
    """What it is good at."""

    repository: Repository | None = None
    """"owner/name" on Hugging Face."""

    model: list[Name] = []
    """Patterns (`*`, `?`, `[…]`) of the language model's file; the first that a file of the
    repository goes with counts. Of a split model all parts go with it."""

    mmproj: list[Name] = []
    """The same for vision tower and projector."""

    bundled: bool = False
    """It comes with vlmtui."""

    imported: bool = False
    """It is no GGUF, but a checkpoint that is imported when it is here; sizes are those of what
    is made of it."""

    quantisation: str = ""
    parameters: Count = 0
    """Of the language model."""

    size: Count = 0
    """Of the language model's file."""

    mmproj_size: Count = 0
    licence: str = ""
    terms: Terms = "open"
    """conditions: the licence limits some uses; non-commercial: research and private use only."""

    context: Count = 0
    """Tokens that it was trained on."""

    template: str = ""
    """Chat template for a file that carries none: the name of a built-in one, or Jinja source."""

    image_tokens: Count = 0
    """What a picture takes of the context; where that varies, the most."""

    image_tokens_vary: bool = False
    """It depends on the size of the picture."""

    kv: Count = 0
    """KV cache in f16, bytes a token."""

    board: Count = 0
    """Memory of the smallest board that it runs on, in GB."""

    sampling: Advised = Advised()
    note: str = ""
    """What one should know before."""

    @property
    def size_is_reckoned(self) -> bool:
        """`download_bytes` is an estimate."""
        return self.imported or not self.size or (not self.mmproj_size and bool(self.mmproj))

    @property
    def model_bytes(self) -> int:
        """Bytes of the language model, reckoned from its parameters where nobody has seen it."""
        bits = BITS.get(self.quantisation, _USUAL_BITS)
        return self.size or round(self.parameters * bits / 8)

    @property
    def download_bytes(self) -> int:
        """Bytes of all files, perhaps reckoned."""
        tower = self.mmproj_size or (_USUAL_TOWER if self.mmproj or self.imported else 0)
        return self.model_bytes + tower

    def need(self, ctx: int = DEFAULT_CTX, kv_type: str = "f16") -> Need:
        """Memory it takes, roughly: nobody has looked into the file."""
        block, size = KV_BYTES[kv_type]
        kv = (self.kv or min(_USUAL_KV, self.model_bytes // 32_768)) * ctx // 2 * size // block
        tower = self.download_bytes - self.model_bytes
        none = Bytes()
        return Need(
            weights=Bytes(self.model_bytes),
            kv=Bytes(kv),
            compute=Bytes(min(_BUFFERS, self.model_bytes // 8)),
            mmproj=Bytes(tower),
            images=none,
            process=Bytes(50_000_000),
        )


class Catalog(msgspec.Struct, frozen=True):
    """All entries."""

    entries: tuple[Entry, ...]
    """The smallest first; the user's own, after those that ship."""

    problem: VlmtuiError | None = None
    """What is wrong with the user's file; the entries that ship are there all the same."""

    def find(self, name: str) -> Entry | None:
        """The entry of a name; small or large letters don't matter."""
        wanted = name.lower()
        return next((entry for entry in self.entries if entry.name.lower() == wanted), None)

    def of_file(self, repository: str, file: str) -> Entry | None:
        """The entry whose language model a file of a repository is."""
        for entry in self.entries:
            if (entry.repository or "").lower() == repository.lower() and any(
                fits(file, pattern) for pattern in entry.model
            ):
                return entry
        return None

    def name_of(self, file: StoredFile) -> str:
        """The name of the entry that a stored file is of; empty if of none."""
        if not file.repository:
            return ""
        name = file.path.name
        if file.source == "llama.cpp":  # where owner and repository stand before it
            name = f"{file.name}.gguf"
        entry = self.of_file(file.repository, name)
        return entry.name if entry is not None else ""


def load(user_file: Path | None = None) -> Catalog:
    """The catalogue, with the user's entries.

    Args:
        user_file: Instead of `models.toml` in the configuration directory; need not exist.
    """
    tables = _shipped()
    file = user_file or paths.config_path().with_name(USER_FILE)
    try:
        own = _tables(file)
        changed = {name: {**tables.get(name, {}), **table} for name, table in own.items()}
        entries = _entries({**tables, **changed}, file)
        return Catalog(entries)
    except SettingsError as error:
        return Catalog(_entries(tables, file), error)


def fits(name: str, pattern: str) -> bool:
    """Whether a pattern means a file of a repository, or all parts of a split one.

    Directories before the name don't count, nor do small or large letters. A pattern that names no
    tower (mmproj) doesn't mean one: the model's own often has the same name.
    """
    file, wanted = name.rpartition("/")[2].lower(), pattern.lower()
    if "mmproj" in file and "mmproj" not in wanted:
        return False
    parts = wanted.replace(".gguf", "-?????-of-?????.gguf")
    return fnmatchcase(file, wanted) or fnmatchcase(file, parts)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, dict[str, Any]]:
    return _tables(Path(__file__).with_name("catalog.toml"))


def _tables(file: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file; none where there is no file.

    Raises:
        SettingsError: It can't be read or is not TOML.
    """
    try:
        return decoded_toml(kept.read(file), dict[str, dict[str, Any]], f"The catalogue {file}")
    except FileNotFoundError:
        return {}
    except OSError as error:
        message = f"The catalogue {file} can't be read: {error.strerror}"
        raise SettingsError(message, "Check its permissions.") from error
    except msgspec.ValidationError as error:
        message = f"The catalogue {file} has something other than tables in it"
        raise SettingsError(message, 'Write each model as a table: ["my-model"].') from error


def _entries(tables: dict[str, dict[str, Any]], file: Path) -> tuple[Entry, ...]:
    """The entries of all tables.

    Raises:
        SettingsError: A value means nothing; names the entry and the key.
    """
    entries = []
    for name, table in tables.items():
        try:
            entry = msgspec.convert({**table, "name": name}, Entry)
        except msgspec.ValidationError as error:
            key, what = wrong_values.in_words(str(error))
            at = f", key `{key}`" if key else ""
            raise SettingsError(
                f"The catalogue {file} has a wrong entry [{name!r}]{at}: {what}",
                "Correct it, or remove the key.",
            ) from error
        known = entry.repository and (entry.model or entry.imported)
        if not (entry.bundled or known):
            raise SettingsError(
                f"The catalogue {file} doesn't say where to get [{name!r}]",
                "Give it `repository` and `model`.",
            )
        entries.append(entry)
    return tuple(entries)
