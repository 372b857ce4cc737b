"""What all benchmarks share: their arguments, medians, and how figures are printed."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import make_model


@dataclass(frozen=True)
class Model:
    """A model to measure with."""

    name: str
    path: Path
    mmproj: Path


def arguments(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """The arguments that every benchmark takes."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--repeats", type=int, default=repeats, help=f"medians of this many (default {repeats})"
    )
    return parser


def add_model(parser: argparse.ArgumentParser, default: str) -> None:
    """Let the user choose a model."""
    parser.add_argument(
        "--model",
        choices=("demo", *make_model.NAMES),
        default=default,
        help="the bundled model, or one with random weights (written to .bench/ when missing)",
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="CPU threads of both sides"
    )


def find_model(name: str) -> Model:
    """The files of a model that `add_model` offers."""
    if name == "demo":
        from vlmtui import demo

        return Model(name, demo.model_path(), demo.mmproj_path())
    files = make_model.ensure(name)
    return Model(f"random-{name}", files.model, files.mmproj)


def show(
    title: str, figures: dict[str, Any], table: Sequence[Sequence[str]], as_json: bool
) -> None:
    """Print a benchmark's outcome.

    Args:
        title: What was compared.
        figures: Everything measured, for --json; `ratio` is the one that has a target.
        table: Lines of the same length, the first of them the heading.
        as_json: Print figures instead of the table.
    """
    if as_json:
        print(json.dumps({"benchmark": title, **figures}, indent=2))
        return
    print(title)
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and extremes, in the unit of the values."""
    return {
        "median": round(statistics.median(values), 5),
        "least": round(min(values), 5),
        "most": round(max(values), 5),
    }
