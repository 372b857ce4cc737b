"""The commands and their options; each has a module, and imports what it needs when it runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from vlmtui import __version__
from vlmtui.cli import COMPLETE
from vlmtui.cli.ask import ask
from vlmtui.cli.bench import bench
from vlmtui.cli.cache import cache
from vlmtui.cli.chat import open_chat
from vlmtui.cli.chats import chats
from vlmtui.cli.completion import Commands, completion
from vlmtui.cli.config import config
from vlmtui.cli.doctor import doctor
from vlmtui.cli.engine import engine
from vlmtui.cli.keys import keys
from vlmtui.cli.mcp import mcp
from vlmtui.cli.models import models
from vlmtui.cli.options import (
    images_option,
    keep_alive_option,
    mmproj_option,
    model_option,
    template_option,
)
from vlmtui.cli.serve import serve
from vlmtui.endings import INTERRUPTED
from vlmtui.errors import bounded
from vlmtui.printable import prose


def parse_and_run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; returns the exit code."""
    try:
        if COMPLETE in os.environ:  # a shell asks what could be typed
            return vlmtui.main(list(arguments), prog_name="vlmtui", standalone_mode=False) or 0
        # not by `main`, which ends a program whose reader has gone in a way of its own
        with vlmtui.make_context("vlmtui", list(arguments)) as context:
            return vlmtui.invoke(context) or 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        with suppress(OSError):
            print(prose(bounded(said.getvalue())), end="", file=sys.stderr)
        return error.exit_code
    except click.Abort:
        return INTERRUPTED


@click.group(
    cls=Commands,
    default="chat",
    default_if_no_args=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`vlmtui chat --help` and `vlmtui ask --help` list the options of each.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def vlmtui() -> None:
    """Chat with a vision-language model that runs on this machine.

    Without a command, the chat opens: `vlmtui`, `vlmtui --continue`, `vlmtui --model FILE.gguf`.
    """


@vlmtui.command()
@model_option
@mmproj_option
@template_option
@keep_alive_option
@click.option("--continue", "-c", "continue_last", is_flag=True, help="Open the last chat.")
@images_option
@click.option(
    "--plain",
    is_flag=True,
    help="Line by line, nothing redrawn: for screen readers, dumb terminals, bad lines, scripts.",
)
def chat(**options: Any) -> int:
    """Open the chat in this terminal."""
    return open_chat(**options)


for _command in (
    *(ask, bench, cache, chats, completion, config),
    *(doctor, engine, keys, mcp, models, serve),
):
    vlmtui.add_command(_command)
