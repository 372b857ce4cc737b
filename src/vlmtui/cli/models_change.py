"""What changes the library: `vlmtui models add`, `rm` and `default`."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from vlmtui import kept, paths, units
from vlmtui.chat.requests import loading
from vlmtui.cli.json_output import print_json
from vlmtui.errors import InputError, SettingsError, os_errors_as
from vlmtui.models import added, added_servers, endpoints, gguf, library, removal, search
from vlmtui.models.gguf import pairing
from vlmtui.models.installed import DEMO
from vlmtui.printable import line
from vlmtui.settings import load_settings

_NAME = re.compile(r"[^\s/\\@\x00-\x1f][^/\\@\x00-\x1f]{0,254}")
_SHOWN = 20
"""Models of a server that are listed when it is added."""

_YIELDING = ("added", "file")
"""Sources whose models give a name up: the list has one model of each, the last."""

_MODEL_LINE = re.compile(r"^[ \t]*model[ \t]*=[^\r\n]*", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def add_model(file: str, mmproj: str | None, name: str | None, *, as_json: bool) -> int:
    """Register a model's files under a name.

    Raises:
        VlmtuiError: The files are bad or don't go together, or the name is taken.
    """
    path = file if "://" in file else os.path.abspath(os.path.expanduser(file))
    model = library.resolve(path, mmproj)
    tower = gguf.from_path(model.mmproj) if model.mmproj is not None else None
    pairing.check(gguf.from_path(model.path), tower)
    loading(load_settings(), model)  # a name that the engine can't be told is told here
    wanted = name or model.name
    if not _NAME.fullmatch(wanted) or wanted.lower() == DEMO:
        raise InputError(
            f"A model can't be called {line(wanted)!r}",
            "Give it another with --name: no slashes, no @, 255 characters at most, and not demo.",
        )
    for other in search.survey().models:
        taken = other.name.lower() == wanted.lower() and other.source not in _YIELDING
        if taken and os.path.realpath(other.path) != os.path.realpath(model.path):
            raise InputError(
                f"There is another model named {other.name}: {other.path}",
                "Give this one another name with --name.",
            )
    tower_path = str(model.mmproj) if model.mmproj is not None else None
    added.ADDED.add(added.Added(wanted, str(model.path), tower_path))
    if as_json:
        print_json({"name": wanted, "path": str(model.path), "mmproj": tower_path})
    else:
        sees = f"with {model.mmproj.name}" if model.mmproj is not None else "text only"
        click.echo(f"{line(wanted)}: {line(str(model.path))} ({line(sees)})")
    return 0


def add_server(
    address: str, *, model: str, key_variable: str, key_file: str, name: str, as_json: bool
) -> int:
    """Register a server's models, and list them; raises as `added_servers.add`."""
    server = added_servers.add(
        address,
        model=model,
        key_variable=key_variable,
        key_file=key_file,
        name=name,
        local_only=load_settings().local_only,
    )
    names = [each.name for each in server.models]
    if as_json:
        print_json({"name": server.name, "url": server.url, "models": names})
        return 0
    for each in names[:_SHOWN]:
        click.echo(line(each))
    if len(names) > _SHOWN:
        click.echo(f"and {len(names) - _SHOWN} more: `vlmtui models` lists them")
    return 0


def remove_model(name: str, *, yes: bool, as_json: bool) -> int:
    """Delete a model, or forget it; raises `VlmtuiError` where it isn't ours."""
    if _remove_server(name, as_json=as_json):
        return 0
    model = search.by_name(name)
    others = [other for other in search.survey().models if other.name != model.name]
    todo = removal.plan(model, others)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(
                f"{model.name} was not deleted: there is no terminal to ask on", "Give --yes."
            )
        _announce(todo)
        if not click.confirm("Continue?", err=True):
            click.echo("Nothing was changed.", err=True)
            return 1
    removal.carry_out(todo)
    if as_json:
        files = [str(file) for file in todo.files]
        print_json({"name": model.name, "freed": todo.freed, "files": files})
    elif todo.files:
        click.echo(f"Deleted {line(model.name)}: {units.size(todo.freed)} freed.")
    else:
        click.echo(f"{line(model.name)} is no longer listed. Its file: {line(str(model.path))}")
    if load_settings().model == model.name:
        hint = "It was the default: `vlmtui models default NAME` chooses another."
        click.echo(hint, err=True)
    return 0


def _remove_server(name: str, *, as_json: bool) -> bool:
    """Forget a server, by its name or that of a model of it; returns whether there is one."""
    server = endpoints.holding(name)
    if server is None:
        return False
    endpoints.SERVERS.remove(server.name)
    if as_json:
        print_json({"name": server.name, "freed": 0, "files": []})
    else:
        click.echo(f"{line(server.name)} and its models are no longer listed.")
    return True


def default_model(name: str | None, *, as_json: bool) -> int:
    """Print the default model, or change it in the settings file."""
    settings = load_settings()
    if name is None:
        if as_json:
            print_json({"model": settings.model, "mmproj": settings.mmproj})
        else:
            click.echo(line(settings.model))
        return 0
    if name in (served.name for served in endpoints.models()):
        chosen = name
    else:
        model = library.resolve(name)
        loading(settings, model)
        chosen = str(model.path) if model.source == "file" else model.name
    file = paths.config_path()
    write_default(file, chosen)
    if as_json:
        print_json({"model": chosen, "mmproj": settings.mmproj, "file": str(file)})
    else:
        click.echo(f"{line(chosen)} is the default now ({line(str(file))}).")
    if settings.mmproj is not None:
        click.echo(
            f"The settings also name an mmproj, {line(settings.mmproj)}; remove that line, "
            "unless it belongs to this model.",
            err=True,
        )
    return 0


def write_default(file: Path, model: str) -> None:
    """Change the line `model` of a settings file, or put one in; everything else stays.

    Raises:
        SettingsError: It can't be read or written, or has the key in a form that isn't ours.
    """
    try:
        before = kept.read(file).decode("utf-8-sig") if file.exists() else ""
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text", "Save it as UTF-8.") from error
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}", "Check the file.") from error
    entry = f"model = {json.dumps(model, ensure_ascii=False)}"
    table = _TABLE.search(before)
    head = before[: table.start()] if table is not None else before
    if found := _MODEL_LINE.search(head):
        comment = _comment(found[0])
        after = before[: found.start()] + entry + comment + before[found.end() :]
    else:
        after = f"{entry}\n{before}"
    if not _differs_only_in_model(before, after, model):
        raise SettingsError(
            f"The line `model` of {file} is in a form that can't be changed safely",
            f"Change it yourself: {entry}",
        )
    with os_errors_as(SettingsError, f"{file} can't be written", "Check its permissions."):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write(file, after.encode())


def _comment(text: str) -> str:
    """The comment at the end of a simple line; empty where it is not simple."""
    simple = re.fullmatch(r"""[^=]*=\s*(?:"[^"\\]*"|'[^']*')(\s*#.*)?\s*""", text)
    return simple[1] or "" if simple is not None else ""


def _differs_only_in_model(before: str, after: str, model: str) -> bool:
    try:
        old: dict[str, Any] = msgspec.toml.decode(before)
        new: dict[str, Any] = msgspec.toml.decode(after)
    except msgspec.DecodeError:
        return False
    return {**old, "model": model} == new


def _announce(todo: removal.Removal) -> None:
    if not todo.files:
        click.echo(f"{line(todo.model.name)} is removed from the list; its file stays.", err=True)
        return
    click.echo(f"This deletes {line(todo.model.name)}, {units.size(todo.freed)}:", err=True)
    for file in todo.files:
        click.echo(f"  {line(str(file))}", err=True)
