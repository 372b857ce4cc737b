"""What `vlmtui models info` and `models path` print."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from vlmtui.chat.choice import Choice, choices
from vlmtui.cli.models_list import FITS, KEEPERS, as_json
from vlmtui.errors import ModelNotFound
from vlmtui.models import library
from vlmtui.models.catalog import Entry
from vlmtui.models.library import InstalledModel
from vlmtui.printable import line
from vlmtui.settings import load_settings
from vlmtui.ui import units

_TERMS = {
    "open": "",
    "conditions": " (with conditions: read it first)",
    "non-commercial": " (research and private use only)",
}


def tell(name: str, *, json_wanted: bool) -> int:
    """Print what is known of a model of this machine or of the catalogue.

    Raises:
        VlmtuiError: There is no such model.
    """
    settings = load_settings()
    choice = _choice(name)
    if json_wanted:
        print(json.dumps(_json(choice), indent=2))
        return 0
    rows = [("", choice.name + (" (default)" if choice.name == settings.model else ""))]
    if choice.installed is not None:
        rows += _installed_rows(choice.installed)
    elif choice.entry is not None:
        rows += _entry_rows(choice, choice.entry)
    if choice.fit is not None:
        rows.append(("memory", _memory(choice)))
    if choice.problem is not None:
        rows.append(("problem", choice.problem.message))
    if choice.entry is not None:
        rows += _words(choice.entry)
    for key, value in rows:
        if value:
            click.echo(f"{key:<14}{line(value)}" if key else click.style(line(value), bold=True))
    if choice.installed is not None:
        click.echo(f"\nMemory by part: vlmtui models fit {line(choice.name)}")
    elif choice.entry is not None and not choice.entry.imported:
        click.echo(f"\nNot on this machine: vlmtui models pull {line(choice.name)}")
    return 0


def tell_path(name: str, *, mmproj: bool, as_json: bool) -> int:
    """Print where a model's file lies.

    Raises:
        VlmtuiError: There is no such model, or it has no vision tower.
    """
    model = library.resolve(name)
    if as_json:
        tower = str(model.mmproj) if model.mmproj is not None else None
        print(json.dumps({"name": model.name, "path": str(model.path), "mmproj": tower}, indent=2))
        return 0
    wanted: Path | None = model.mmproj if mmproj else model.path
    if wanted is None:
        raise ModelNotFound(f"{model.name} has no vision tower", "It is a text-only model.")
    if sys.stdout.isatty():
        click.echo(line(str(wanted)))
    else:
        # a program gets the path as it is
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(wanted) + b"\n")
    return 0


def _choice(name: str) -> Choice:
    found = choices(load_settings())
    for choice in (*found.here, *found.elsewhere):
        if choice.name.lower() == name.lower():
            return choice
    model = library.resolve(name)
    for choice in found.here:
        if choice.name == model.name and choice.installed == model:
            return choice
    return Choice(model.name, model)


def _json(choice: Choice) -> dict[str, object]:
    told = as_json(choice, load_settings())
    if choice.entry is not None:
        told |= {
            "note": choice.entry.note or None,
            "board_gb": choice.entry.board or None,
            "image_tokens": choice.entry.image_tokens or None,
            "template": choice.entry.template or None,
        }
    return told


def _installed_rows(model: InstalledModel) -> list[tuple[str, str]]:
    tower = str(model.mmproj) if model.mmproj is not None else "none: text only"
    if model.towers:
        tower = f"one of: {', '.join(path.name for path in model.towers)}; say which with --mmproj"
    return [
        ("title", model.title),
        ("kept by", KEEPERS[model.source]),
        ("file", str(model.path)),
        ("vision tower", tower),
        ("size", units.size(model.size_bytes)),
        ("kind", ", ".join(filter(None, (model.architecture, _parameters(model.parameters))))),
        ("weights in", model.quantisation),
        ("context", f"{model.context} tokens" if model.context else ""),
        ("repository", model.repository),
        ("also called", ", ".join(alias for alias in model.aliases if alias != model.name)),
    ]


def _entry_rows(choice: Choice, entry: Entry) -> list[tuple[str, str]]:
    about = "about " if choice.reckoned else ""
    return [
        ("title", entry.title),
        ("repository", entry.repository or ""),
        ("size", f"{about}{units.size(choice.size_bytes)}"),
        ("kind", _parameters(entry.parameters)),
        ("weights in", entry.quantisation),
        ("context", f"{entry.context} tokens" if entry.context else ""),
    ]


def _words(entry: Entry) -> list[tuple[str, str]]:
    up_to = "up to " if entry.image_tokens_vary else ""
    tokens = f"{up_to}{entry.image_tokens} tokens" if entry.image_tokens else ""
    if not tokens and entry.image_tokens_vary:
        tokens = "the larger, the more tokens"
    return [
        ("good at", entry.about),
        ("a picture", tokens),
        ("licence", f"{entry.licence}{_TERMS[entry.terms]}"),
        ("board", f"{entry.board} GB or more" if entry.board else ""),
        ("note", entry.note),
    ]


def _memory(choice: Choice) -> str:
    assert choice.fit is not None
    about = "about " if choice.installed is None else ""
    need, ctx = units.size(choice.need_bytes), choice.fit.setup.ctx
    return f"{FITS[choice.fit.verdict]}: {about}{need} with a context of {ctx} tokens"


def _parameters(number: int) -> str:
    return f"{units.count(number)} parameters" if number else ""
