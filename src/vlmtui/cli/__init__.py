"""The command line: `vlmtui` opens the chat; the other commands have a module each.

Only what parses arguments is imported here; a command imports what it needs when it runs, so that
`--help` and `--version` are immediate. Whatever goes wrong ends here, as a sentence and an exit
code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import click
from click_default_group import DefaultGroup

from vlmtui import __version__
from vlmtui.cli.ask import ask
from vlmtui.cli.bench import bench
from vlmtui.cli.chats import chats
from vlmtui.cli.config import config
from vlmtui.cli.doctor import doctor
from vlmtui.cli.endings import INTERRUPTED
from vlmtui.cli.keys import keys
from vlmtui.cli.models import models
from vlmtui.cli.options import images_option, mmproj_option, model_option
from vlmtui.errors import EngineCrashed, VlmtuiError


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or bad input, 130 interrupted.
    """
    try:
        return vlmtui.main(list(arguments), prog_name="vlmtui", standalone_mode=False) or 0
    except click.ClickException as error:
        with suppress(OSError):
            error.show(sys.stderr)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except VlmtuiError as error:
        _complain(error)
        return error.exit_code
    except Exception as error:
        _complain(_unforeseen(error))
        return 1


# ---------------------------------------------------------------------------------------- commands


@click.group(
    cls=DefaultGroup,
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
@click.option("--continue", "-c", "continue_last", is_flag=True, help="Open the last chat.")
@images_option
@click.option(
    "--plain",
    is_flag=True,
    help="Line by line, nothing redrawn: for screen readers, dumb terminals, bad lines, scripts.",
)
def chat(
    model: str | None, mmproj: str | None, continue_last: bool, images: str | None, plain: bool
) -> int:
    """Open the chat in this terminal."""
    from vlmtui.settings import load_settings

    settings = load_settings()
    if plain:
        from vlmtui.plain.launch import launch as launch_plain

        return launch_plain(settings, model=model, mmproj=mmproj, continue_last=continue_last)
    from vlmtui.ui.launch import launch

    return launch(settings, model=model, mmproj=mmproj, continue_last=continue_last, images=images)


vlmtui.add_command(ask)
vlmtui.add_command(config)
vlmtui.add_command(bench)
vlmtui.add_command(chats)
vlmtui.add_command(keys)
vlmtui.add_command(doctor)
vlmtui.add_command(models)


# ------------------------------------------------------------------------------------------ endings


def _complain(error: VlmtuiError) -> None:
    """Say on standard error what happened and what to do."""
    from vlmtui.printable import prose

    lines = [f"vlmtui: {error.message}"]
    if error.hint:
        lines.append(error.hint)
    if isinstance(error, EngineCrashed) and error.log_tail:
        lines.append("The engine's log ends with:")
        lines.extend(f"  {line}" for line in error.log_tail.splitlines())
    if sys.stderr is not None:
        with suppress(OSError):
            print(prose("\n".join(lines)), file=sys.stderr)


def _unforeseen(error: Exception) -> VlmtuiError:
    """An error that nobody thought of, its traceback put where a report can quote it."""
    import traceback

    from vlmtui.paths import app_log_path

    message = f"Internal error: {type(error).__name__}: {error}"
    try:
        path = app_log_path()
        with path.open("a", encoding="utf-8") as log:
            traceback.print_exception(error, file=log)
    except (OSError, VlmtuiError):
        return VlmtuiError(message, "Please report it.")
    return VlmtuiError(message, f"Please report it, with the last lines of {path}.")
