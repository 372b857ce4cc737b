"""Colour themes: TOML files, read into Textual's themes; a broken file is reported, never fatal.

They come from three places: the package (an installed wheel), the repository's `themes/` (an
editable install) and the user's configuration directory, whose themes replace shipped ones. A file
needs only its base colours: what else the interface uses is derived from them here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from textual.color import Color, ColorParseError
from textual.css.constants import VALID_STYLE_FLAGS
from textual.theme import Theme

from vlmtui import kept, wrong_values

DEFAULT = "vlmtui-dark"
MONOCHROME = "mono"
"""The theme for terminals that are asked for no colour."""

_SHARE = re.compile(r" \d{1,3}%$")
"""What may stand behind the colour of a variable: how much of it."""

_DIM = 0.35
_FAINT = 0.2


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

    name: Annotated[str, msgspec.Meta(min_length=1)]
    colors: Colors
    about: str = ""
    """A few words for the list of themes."""

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
    about: dict[str, str] = {}
    """A few words about each, by name."""

    complete: bool = True
    """Whether these are all that there are."""


# ------------------------------------------------------------------------------------------ files


def shipped_directories() -> list[Path]:
    """Where themes that come with vlmtui may lie; only one of them exists in an installation."""
    package = Path(__file__).resolve().parents[2]
    return [package / "themes", package.parent.parent / "themes"]


def load_themes(
    user_directory: Path | None = None, *, shipped: Collection[str] | None = None
) -> LoadedThemes:
    """Read themes.

    Args:
        user_directory: The user's own themes, all of which are read; None for none.
        shipped: Read only these of the themes that come with vlmtui, which takes a few milliseconds
            less; None for all.
    """
    themes: dict[str, Theme] = {}
    about: dict[str, str] = {}
    failures = []
    ours = _files(shipped_directories())
    if shipped is not None:
        ours = [path for path in ours if path.stem in shipped]
    for path in [*ours, *_files([user_directory] if user_directory else [])]:
        try:
            file = _read(path)
        except UnicodeDecodeError:
            failures.append(ThemeFailure(path, "it is not UTF-8 text"))
        except (OSError, ValueError, RecursionError) as error:  # msgspec's are ValueErrors
            reason = getattr(error, "strerror", None) or _in_words(error)
            failures.append(ThemeFailure(path, reason))
        else:
            colors = msgspec.structs.asdict(file.colors)
            themes[file.name] = Theme(
                name=file.name, dark=file.dark, variables=file.variables, **colors
            )
            about[file.name] = file.about
    return LoadedThemes(tuple(themes.values()), tuple(failures), about, shipped is None)


def signature(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a theme file is added, removed or written."""
    found = []
    for path in _files([directory]):
        try:
            stat = path.stat()
        except OSError:  # gone since
            continue
        found.append((path.name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _files(directories: Iterable[Path]) -> list[Path]:
    return [path for directory in directories for path in sorted(directory.glob("*.toml"))]


def _read(path: Path) -> ThemeFile:
    text = kept.read(path).decode("utf-8-sig")
    try:
        file = msgspec.toml.decode(text, type=ThemeFile)
    except msgspec.ValidationError as error:
        key, what = wrong_values.in_words(str(error))
        at = f"{key}: " if key else ""
        raise ValueError(f"{_line_of(text, str(error))}{at}{what}") from None
    for key, value in msgspec.structs.asdict(file.colors).items():
        if value is not None and (not _is_colour(value) or Color.parse(value).is_transparent):
            raise _wrong(text, f"colors.{key}", value, "is not a colour")
    for key, value in file.variables.items():
        name = f"variables.{key}"
        if not re.fullmatch(r"[a-z][a-z0-9-]*", key):
            raise _wrong(text, name, value, "has a name that no variable can have")
        if "style" in key:
            if not value or not set(value.split()) <= VALID_STYLE_FLAGS:
                raise _wrong(text, name, value, "is not a text style")
        elif not _is_colour(_SHARE.sub("", value)):
            raise _wrong(text, name, value, "is not a colour")
    return file


def _in_words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, msgspec.DecodeError):
        return f"it is not valid TOML: {error}"
    return str(error)


def _is_colour(value: str) -> bool:
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


def _wrong(text: str, key: str, value: str, what: str) -> ValueError:
    return ValueError(f"{_line_of(text, f'`$.{key}`')}{key} = {value!r} {what}")


def _line_of(text: str, complaint: str) -> str:
    """`line 7: ` for a complaint of msgspec that names a key, empty where the key isn't there."""
    path = re.search(r"\$\.([\w.-]+)", complaint)
    unknown = re.search(r"unknown field `(.*?)`", complaint)
    keys = path[1].split(".") if path else []
    keys += [unknown[1]] if unknown else []
    if not keys:
        return ""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\]]*)\]", line):
            table = header[1].strip()
            at = table
        elif assigned := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
            at = f"{table}.{assigned[1]}" if table else assigned[1]
        else:
            continue
        if at == ".".join(keys):
            return f"line {number}: "
    return ""


# -------------------------------------------------------------------------------- derived colours


def derived(colors: Mapping[str, str]) -> dict[str, str]:
    """The CSS variables that follow from those that Textual generates: Textual's, and our own.

    Ours are `text-dim`, `user-bar` and `answer-bar`.
    """
    primary, accent = colors["primary"], colors["accent"]
    background, foreground = colors["background"], colors["foreground"]
    if "ansi" in background + foreground:  # the terminal's own, and nobody knows what they are
        return {"text-dim": "ansi_bright_black", "user-bar": primary, "answer-bar": accent}

    def mixed(one: str, other: str, share: float) -> str:
        return Color.parse(one).blend(Color.parse(other), share).hex6

    track = {f"scrollbar-background{state}": background for state in ("", "-hover", "-active")}
    headings = {
        f"markdown-h{level}-color": mixed(primary, foreground, 0.4 if level < 3 else 0.0)
        for level in range(1, 7)
    }
    return {
        "text-dim": mixed(foreground, background, _DIM),
        "user-bar": primary,
        "answer-bar": accent,
        "border": primary,
        "border-blurred": mixed(background, foreground, _FAINT),
        "input-cursor-background": foreground,
        "input-cursor-foreground": background,
        "input-selection-background": mixed(background, primary, 0.35),
        "input-selection-foreground": foreground,
        "screen-selection-background": mixed(background, primary, 0.35),
        "screen-selection-foreground": foreground,
        "block-cursor-background": primary,
        "block-cursor-foreground": background,
        "block-cursor-text-style": "none",
        "scrollbar": mixed(background, foreground, _FAINT),
        "scrollbar-hover": mixed(background, foreground, 2 * _FAINT),
        "scrollbar-active": primary,
        "scrollbar-corner-color": background,
        "link-color": colors["secondary"],
        **track,
        **headings,
    }
