"""What `vlmtui models` prints of models: the list of them, all of one, or where its file lies."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from vlmtui import units
from vlmtui.chat.model_choice import Choice, Choices, choices, find
from vlmtui.cli.json_output import print_json
from vlmtui.errors import ModelNotFound
from vlmtui.models import library
from vlmtui.printable import line
from vlmtui.settings import Settings, load_settings
from vlmtui.stats import model_details
from vlmtui.stats.model_details import KEEPERS

_COLOURS = {
    "fits": "green",
    "tight": "yellow",
    "smaller": "yellow",
    "too big": "red",
    "damaged": "red",
}
_NUMBERS = ("SIZE", "NEEDS")
"""Columns that are aligned at the right."""

_WORDS, _NARROWEST = "GOOD AT", 20
"""The column that is left out where it would have fewer characters."""


def list_models(*, here: bool, as_json: bool) -> int:
    """Print all models; returns the exit code."""
    settings = load_settings()
    found = choices(settings)
    if as_json:
        print_json(_as_json(found, settings, here=here))
        return 0
    wide = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if wide else 0
    for text in _as_text(found, settings, here=here, width=width):
        click.echo(text)
    if found.problem is not None:
        click.echo(f"\n{line(found.problem.message)}\n{line(found.problem.hint)}", err=True)
    return 0


def show_model(name: str, *, as_json: bool) -> int:
    """Print what is known of a model of this machine or of the catalogue."""
    settings = load_settings()
    choice = find(name, settings)
    if as_json:
        print_json(_details(choice, settings))
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


def print_path(name: str, *, mmproj: bool, as_json: bool) -> int:
    """Print where a model's file lies; raises `ModelNotFound` also where it has no vision tower."""
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


def _choice(choice: Choice, settings: Settings) -> dict[str, Any]:
    """A model as JSON; sizes in bytes."""
    model, entry, expected = choice.installed, choice.entry, choice.fit_verdict
    fit = expected.fit
    told: dict[str, Any] = {
        "name": choice.name,
        "installed": model is not None,
        "server": choice.served.server.url if choice.served is not None else None,
        "default": choice.name == settings.model,
        "size": choice.size_bytes,
        "size_is_reckoned": choice.reckoned,
        "vision": choice.sees,
        "fits": fit.verdict if fit is not None else None,
        "loads_with": {"ctx": fit.setup.ctx, "kv": fit.setup.kv} if fit is not None else None,
        "gives_way": expected.changes or None,
        "needs": choice.need_bytes or None,
        "problem": expected.problem.message if expected.problem is not None else None,
        "licence": entry.licence if entry is not None else None,
        "terms": entry.terms if entry is not None else None,
        "about": entry.about if entry is not None else None,
    }
    if model is not None:
        told |= {
            "source": model.source,
            "path": str(model.path),
            "mmproj": str(model.mmproj) if model.mmproj is not None else None,
            "architecture": model.architecture,
            "parameters": model.parameters,
            "quantisation": model.quantisation,
            "context": model.context,
            "repository": model.repository or None,
            "aliases": list(model.aliases),
        }
    elif entry is not None:
        told |= {
            "repository": entry.repository,
            "parameters": entry.parameters,
            "quantisation": entry.quantisation,
            "context": entry.context or None,
            "imported": entry.imported,
        }
    return told


def _details(choice: Choice, settings: Settings) -> dict[str, Any]:
    told = _choice(choice, settings)
    if choice.entry is not None:
        told |= {
            "note": choice.entry.note or None,
            "board_gb": choice.entry.board or None,
            "image_tokens": choice.entry.image_tokens or None,
            "template": choice.entry.template or None,
            "sampling": msgspec.to_builtins(choice.entry.sampling) or None,
        }
    return told


def _as_json(found: Choices, settings: Settings, *, here: bool) -> dict[str, Any]:
    shown = found.here if here else (*found.here, *found.elsewhere)
    return {
        "models": [_choice(choice, settings) for choice in shown],
        "broken": [
            {
                "name": broken.name,
                "path": str(broken.path),
                "source": broken.source,
                "reason": broken.reason,
                "hint": broken.hint,
            }
            for broken in found.broken
        ],
        "unreadable": [str(path) for path in found.found.unreadable],
        "memory": {"free": found.machine.free, "total": found.machine.total},
    }


def _as_text(found: Choices, settings: Settings, *, here: bool, width: int) -> list[str]:
    free = units.size(found.machine.gpu_free or found.machine.free)
    rows = [click.style(f"On this machine ({free} of memory free)", bold=True)]
    rows += _table(
        ("NAME", "SIZE", "NEEDS", "", "SOURCE", "LICENCE"),
        [
            (
                f"{choice.name} (default)" if choice.name == settings.model else choice.name,
                units.size(choice.size_bytes),
                units.size(choice.need_bytes or None),
                _verdict(choice),
                KEEPERS[choice.installed.source] if choice.installed is not None else "",
                _licence(choice),
            )
            for choice in found.here
            if choice.served is None
        ],
        width,
    )
    if any(choice.served is not None for choice in found.here):
        rows += ["", click.style("On servers", bold=True)]
    for choice in found.here:
        if choice.served is not None:
            note = "  found, added when it is used" if choice.found else ""
            rows.append(f"  {line(choice.name)}  {line(choice.served.server.host)}{note}")
    if found.broken or found.found.unreadable:
        rows += ["", click.style("Can't be used", bold=True)]
        rows += [f"  {line(broken.name)}: {line(broken.reason)}" for broken in found.broken]
        for path in found.found.unreadable:
            why = "can't be read" if path.exists() else "isn't there (model_dirs in the settings)"
            rows.append(f"  {line(str(path))} {why}")
    if here or not found.elsewhere:
        return rows
    head = ("NAME", "SIZE", "NEEDS", "", "LICENCE", _WORDS)
    rows += ["", click.style("To download: vlmtui models pull NAME", bold=True)]
    rows += _table(head, [_offer(choice) for choice in found.elsewhere], width)
    return [*rows, "", "≈ is an estimate. `vlmtui models info NAME` says more about each."]


def _offer(choice: Choice) -> tuple[str, ...]:
    return (
        choice.name,
        f"{'≈ ' if choice.reckoned else ''}{units.size(choice.size_bytes)}",
        f"≈ {units.size(choice.need_bytes or None)}",
        _verdict(choice),
        _licence(choice),
        choice.entry.about if choice.entry is not None else "",
    )


def _verdict(choice: Choice) -> str:
    fits = choice.fit_verdict.word
    if fits == "damaged":
        return fits
    if choice.installed is not None and choice.installed.towers:
        return f"{fits}, needs --mmproj"
    return fits if choice.sees else f"{fits}, text only"


def _licence(choice: Choice) -> str:
    if choice.entry is None:
        return ""
    return choice.entry.licence


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Aligned columns; no line longer than `width`, where that isn't 0."""
    safe = [[line(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in (head, *safe)) for column in range(len(head))]
    if head[-1] == _WORDS and width and width - sum(widths[:-1]) - 2 * len(head) < _NARROWEST:
        head, safe = head[:-1], [row[:-1] for row in safe]  # half a word tells nothing
        widths.pop()
    lines = []
    for row in (head, *safe):
        cells = [
            cell.rjust(size) if name in _NUMBERS else cell.ljust(size)
            for cell, size, name in zip(row, widths, head, strict=True)
        ]
        text = f"  {'  '.join(cells)}".rstrip()
        text = line(text, width) if width and row is head else _shortened(text, width)
        lines.append(click.style(text, dim=True) if row is head else _coloured(text, row))
    return lines


def _shortened(text: str, width: int) -> str:
    return text if not width or len(text) <= width else f"{text[: width - 1]}…"


def _coloured(text: str, row: Sequence[str]) -> str:
    verdict = row[3]
    colour = _COLOURS.get(verdict.partition(",")[0])
    if colour is None or f"  {verdict}" not in text:
        return text
    return text.replace(f"  {verdict}", f"  {click.style(verdict, fg=colour)}", 1)
