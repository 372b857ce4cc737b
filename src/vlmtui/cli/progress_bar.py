"""How far the making of a file is, on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

import click

from vlmtui import units
from vlmtui.models.file_maker import Progress
from vlmtui.printable import line

T = TypeVar("T")

_BAR = 30
_EVERY = 0.1
"""Share of the work between two lines, where they don't go to a terminal."""


class Bar:
    """Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = line(title)
        self._terminal = sys.stderr.isatty()
        self._next = 0.0
        self._begun = time.monotonic()

    def show(self, fraction: float, doing: str) -> None:
        """Say how far it is, from 0 to 1, and what is being worked on."""
        if not self._terminal:
            if fraction >= self._next:
                self._next = fraction + _EVERY
                click.echo(f"{self._title}: {fraction * 100:.0f} %", err=True)
            return
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        full = round(fraction * _BAR)
        left = ""
        if fraction > 0.05:
            seconds = (time.monotonic() - self._begun) * (1 - fraction) / fraction
            left = f", {units.seconds(seconds)} left"
        text = f"{'█' * full}{'░' * (_BAR - full)} {fraction * 100:3.0f} %{left}  {line(doing)}"
        click.echo(f"\r\x1b[K{text[: width - 1]}", err=True, nl=False)

    def close(self) -> None:
        if self._terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


def last_of(steps: Generator[Progress | T, None, None], title: str) -> T:
    """The last step, which says what was made; those before are shown as a bar.

    Leaving by an exception ends the work.
    """
    made: T | None = None
    with closing(steps), closing(Bar(title)) as bar:
        for step in steps:
            if isinstance(step, Progress):
                bar.show(step.fraction, step.doing)
            else:
                made = step
    assert made is not None, "it makes something, or raises"
    return made
