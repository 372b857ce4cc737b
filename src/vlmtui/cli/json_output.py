"""What `--json` prints."""

from __future__ import annotations

import json
from typing import Any

import click


def print_json(value: Any) -> None:
    """Print a value in ASCII, so that no character of it means anything to a terminal."""
    click.echo(json.dumps(value, indent=2))
