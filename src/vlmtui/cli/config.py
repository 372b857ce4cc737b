"""`vlmtui config`: the settings file, found, shown, begun and edited."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlmtui.cli.json_output import print_json
from vlmtui.errors import SettingsError, os_errors_as

if TYPE_CHECKING:
    import msgspec

_EXAMPLES = {
    "mmproj": '"~/models/mmproj-model-f16.gguf"',
    "templates": '"my-model" = "chatml"',
    "keys": '"chat.stop" = "ctrl+t, escape"',
    "presets": 'about = "in verse"\nsystem = "Answer in rhymes."\ntemperature = 0.9',
}
"""What stands in a new file for fields whose default says nothing."""

_HEADERS = {"templates": "[templates]", "keys": "[keys]", "presets": "[presets.poet]"}
_WIDTH = 96


@click.group()
def config() -> None:
    """Show, create or edit the settings file."""


@config.command()
def path() -> None:
    """Print where the settings file is, or would be."""
    from vlmtui import paths

    click.echo(paths.config_path())


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print all settings as they are, and which of them the file sets."""
    import msgspec

    from vlmtui import kept, paths
    from vlmtui.settings import load_settings

    settings = load_settings()
    file = paths.config_path()
    text = kept.read(file).removeprefix(b"\xef\xbb\xbf") if file.exists() else b""
    written = set(msgspec.toml.decode(text))
    values = msgspec.to_builtins(settings)
    if as_json:
        rows = {
            name: {"value": value, "source": "file" if name in written else "default"}
            for name, value in values.items()
        }
        print_json({"file": str(file), "exists": file.exists(), "settings": rows})
        return
    click.echo(f"# {file}{'' if file.exists() else ' (not there; these are the defaults)'}")
    for name, value in values.items():
        if not isinstance(value, dict):
            line = f"{'# ' if value is None else ''}{name} = {_toml(value)}"
            click.echo(line if name in written else f"{line:<40} # default")
    for name, value in values.items():
        if isinstance(value, dict) and value:
            click.echo(f"\n{_table(name, value)}")


@config.command()
def init() -> None:
    """Write a settings file with every setting explained and left at its default."""
    click.echo(f"Wrote {_begin()}")


@config.command()
def edit() -> int:
    """Open the settings file in $VISUAL or $EDITOR, and check it afterwards."""
    from vlmtui import paths
    from vlmtui.compose import external_editor

    file = paths.config_path()
    if not file.exists():
        _begin()
    external_editor.edit_file(file, f"The file is {file}")
    problems = complaints()
    for problem in problems:
        click.echo(f"{file}: {problem}", err=True)
    if not problems:
        click.echo(f"{file} is fine")
    return 1 if problems else 0


def complaints() -> list[str]:
    """What is wrong with the settings file, its keys and the user's themes.

    Raises:
        SettingsError: It can't be used at all.
    """
    from vlmtui import paths
    from vlmtui.settings import load_settings
    from vlmtui.ui.keys import key_bindings, keymap
    from vlmtui.ui.themes.theme_files import load_themes

    settings = load_settings()
    wanted, problems = keymap.parse(settings.keys)
    found = [str(problem) for problem in [*problems, *key_bindings.check(wanted)[1]]]
    loaded = load_themes(paths.config_path().parent / "themes")
    found += [f"{failure.path}: {failure.reason}" for failure in loaded.failures]
    names = {theme.name for theme in loaded.themes}
    if settings.theme and settings.theme not in names:
        found.append(
            f"theme: there is no {settings.theme!r}. There are: {', '.join(sorted(names))}"
        )
    return found


def explained(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The fields of a struct, each with the words beneath it in the source."""
    (definition,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(definition, ast.ClassDef)
    words: dict[str, str] = {}
    name = ""
    for statement in definition.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            words[name] = ""
        elif (
            name
            and isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        ):
            words[name] = " ".join(statement.value.value.split())
            name = ""
    return words


def template() -> str:
    """A settings file with every setting explained, and none set."""
    import textwrap

    import msgspec

    from vlmtui.settings import Settings

    defaults = msgspec.to_builtins(Settings())
    lines = ["# Settings of vlmtui. Remove the # from a line to change it."]
    words = explained(Settings)
    tables = [name for name in words if isinstance(defaults[name], dict)]
    for name in [*(name for name in words if name not in tables), *tables]:
        lines.append("")
        lines += textwrap.wrap(words[name], _WIDTH, initial_indent="# ", subsequent_indent="# ")
        if name in tables:
            lines += [f"#{_HEADERS[name]}", *(f"#{row}" for row in _EXAMPLES[name].split("\n"))]
        else:
            lines.append(f"#{name} = {_EXAMPLES.get(name) or _toml(defaults[name])}")
    return "\n".join(lines) + "\n"


def _begin() -> Path:
    from vlmtui import kept, paths

    file = paths.config_dir() / paths.config_path().name
    what = f"The settings file {file} can't be written"
    with os_errors_as(SettingsError, what, "Free space, or check the permissions"):
        try:
            kept.write(file, template().encode(), replace=False)
        except FileExistsError:
            raise SettingsError(
                f"There already is a settings file: {file}", "`vlmtui config edit` opens it"
            ) from None
    return file


def _toml(value: Any) -> str:
    """A plain value as TOML writes it; JSON's strings are TOML's, too.

    Characters that a terminal takes as commands are escaped.
    """
    text = json.dumps("" if value is None else value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _table(name: str, table: dict[str, Any]) -> str:
    """A table as TOML writes it, with the tables in it."""
    lines = [f"[{name}]"]
    lines += [
        f"{_toml(key)} = {_toml(value)}"
        for key, value in table.items()
        if not isinstance(value, dict)
    ]
    parts = ["\n".join(lines)] if len(lines) > 1 else []
    parts += [
        _table(f"{name}.{_toml(key)}", value)
        for key, value in table.items()
        if isinstance(value, dict)
    ]
    return "\n\n".join(parts)
