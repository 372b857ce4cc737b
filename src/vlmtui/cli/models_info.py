"""What `vlmtui models info` and `models path` print."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec

from vlmtui.chat.model_choice import Choice, find
from vlmtui.cli.json_output import print_json
from vlmtui.cli.models_list import as_json
from vlmtui.errors import ModelNotFound
from vlmtui.models import library
from vlmtui.printable import line
from vlmtui.settings import load_settings
from vlmtui.stats import model_details


def tell(name: str, *, json_wanted: bool) -> int:
    """Print what is known of a model of this machine or of the catalogue.

    Raises:
        VlmtuiError: There is no such model.
    """
    settings = load_settings()
    choice = find(name, settings)
    if json_wanted:
        print_json(_json(choice))
        return 0
    rows = [("", choice.name + (" (default)" if choice.name == settings.model else ""))]
    rows += model_details.rows(choice)
    for key, value in rows:
        click.echo(f"{key:<14}{line(value)}" if key else click.style(line(value), bold=True))
    if choice.installed is not None:
        click.echo(f"\nMemory by part: vlmtui models fit {line(choice.name)}")
    elif choice.entry is not None:
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
        print_json({"name": model.name, "path": str(model.path), "mmproj": tower})
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


def _json(choice: Choice) -> dict[str, object]:
    told = as_json(choice, load_settings())
    if choice.entry is not None:
        told |= {
            "note": choice.entry.note or None,
            "board_gb": choice.entry.board or None,
            "image_tokens": choice.entry.image_tokens or None,
            "template": choice.entry.template or None,
            "sampling": msgspec.to_builtins(choice.entry.sampling) or None,
        }
    return told
