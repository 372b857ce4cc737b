"""Asking on the terminal whether words and pictures may go to another machine."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from vlmtui.chat import consent
from vlmtui.cli.json_output import print_json
from vlmtui.errors import ModelNotFound
from vlmtui.printable import line


def asking() -> Callable[[str], bool] | None:
    """What asks the user; None where nobody is at a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return lambda question: click.confirm(f"{question} {consent.ASKED_ONCE}.", err=True)


def agree(name: str, *, as_json: bool) -> int:
    """Let words and pictures go to a server without asking; raises `ModelNotFound`."""
    from vlmtui.models import endpoints

    server = endpoints.holding(name)
    if server is None:
        raise ModelNotFound(
            f"There is no server named {line(name)}", "`vlmtui models` lists the models of servers."
        )
    consent.give(server)
    if as_json:
        print_json({"name": server.name, "url": server.url, "agreed": True})
    else:
        click.echo(f"Questions and their pictures may go to {line(server.host)}.")
    return 0
