"""Colour themes: TOML files, read into Textual's themes; a broken file is reported, never fatal.

They come from three places: the package (an installed wheel), the repository's `themes/` (an
editable install) and the user's configuration directory, whose themes replace shipped ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

DEFAULT = "vlmtui-dark"

VARIABLES = {
    "text-dim": "ansi_bright_black",
    "user-bar": "ansi_magenta",
    "answer-bar": "ansi_cyan",
}
"""Our own CSS variables, for themes that don't set them."""


class Colors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Textual's base colours; those left out are derived from the others."""

    primary: str
    secondary: str | None = None
    accent: str | None = None
    warning: str | None = None
    error: str | None = None
    success: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None
    boost: str | None = None


class ThemeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a theme file holds."""

    name: str
    colors: Colors
    dark: bool = True
    variables: dict[str, str] = {}
    """CSS variables, Textual's and ours, that shouldn't be derived from the base colours."""


class ThemeFailure(msgspec.Struct, frozen=True):
    """A theme file that can't be used."""

    path: Path
    reason: str


class LoadedThemes(msgspec.Struct, frozen=True):
    """What was found."""

    themes: tuple[Theme, ...]
    failures: tuple[ThemeFailure, ...]


def shipped_directories() -> list[Path]:
    """Where themes that come with vlmtui may lie; only one of them exists in an installation."""
    package = Path(__file__).resolve().parent.parent
    return [package / "themes", package.parent.parent / "themes"]


def load_themes(user_directory: Path | None = None) -> LoadedThemes:
    """Read all themes.

    Args:
        user_directory: The user's own themes; None for none.
    """
    themes: dict[str, Theme] = {}
    failures = []
    directories = [*shipped_directories(), *([user_directory] if user_directory else [])]
    for path in _files(directories):
        try:
            theme = _read(path)
        except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
            reason = getattr(error, "strerror", None) or str(error)
            failures.append(ThemeFailure(path, reason))
        else:
            themes[theme.name] = theme
    return LoadedThemes(tuple(themes.values()), tuple(failures))


def _files(directories: Iterable[Path]) -> list[Path]:
    return [path for directory in directories for path in sorted(directory.glob("*.toml"))]


def _read(path: Path) -> Theme:
    file = msgspec.toml.decode(path.read_bytes(), type=ThemeFile)
    colors = msgspec.structs.asdict(file.colors)
    for key, value in colors.items():
        if value is not None:
            _check(f"colors.{key}", value)
    for key, value in file.variables.items():
        if value.startswith("#"):  # a variable may also hold a text style: "bold"
            _check(f"variables.{key}", value.partition(" ")[0])
    return Theme(name=file.name, dark=file.dark, variables=file.variables, **colors)


def _check(key: str, value: str) -> None:
    try:
        Color.parse(value)
    except ColorParseError:
        raise ValueError(f"{key} = {value!r} is not a colour") from None
