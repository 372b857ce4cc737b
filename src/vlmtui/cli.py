"""The command line: `vlmtui` opens the chat, `vlmtui ask` answers on standard output.

Only what parses arguments is imported here; a command imports what it needs when it runs, so that
`--help` and `--version` are immediate. Whatever goes wrong ends here, as a sentence and an exit
code.
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import click
from click_default_group import DefaultGroup

from vlmtui import __version__
from vlmtui.errors import EngineCrashed, VlmtuiError

INTERRUPTED = 130
"""Exit code after Ctrl+C, as shells have it: 128 + SIGINT."""


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


class _Finite(click.FloatRange):
    """A range of floats that keeps out "nan", which passes every comparison, and "inf"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number to work with", param, ctx)
        return number


_model = click.option(
    "--model",
    metavar="NAME|PATH.gguf",
    help="The model: a name, or the path of a GGUF file. Default: the bundled one, `demo`.",
)
_mmproj = click.option(
    "--mmproj",
    metavar="PATH",
    help="The model's vision tower and projector. Default: the mmproj file beside the model.",
)


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
@_model
@_mmproj
@click.option("--continue", "-c", "continue_last", is_flag=True, help="Open the last chat.")
def chat(model: str | None, mmproj: str | None, continue_last: bool) -> int:
    """Open the chat in this terminal."""
    from vlmtui.settings import load_settings
    from vlmtui.ui.launch import launch

    return launch(load_settings(), model=model, mmproj=mmproj, continue_last=continue_last)


@vlmtui.command()
@_model
@_mmproj
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="PATH",
    help="A picture to ask about; `-` reads it from standard input. Repeatable.",
)
@click.option("--system", metavar="TEXT", help="System prompt.")
@click.option(
    "--max-tokens",
    type=click.IntRange(min=0),
    metavar="N",
    help="Longest answer in tokens; 0 for no limit.",
)
@click.option("--temperature", type=_Finite(min=0), metavar="T", help="0 is greedy.")
@click.option("--top-p", type=_Finite(0, 1), metavar="P", help="Nucleus sampling; 1 turns it off.")
@click.option("--top-k", type=click.IntRange(min=0), metavar="K", help="0 turns it off.")
@click.option("--min-p", type=_Finite(0, 1), metavar="P", help="0 turns it off.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Makes the answer repeatable."
)
@click.option(
    "--ctx",
    type=click.IntRange(0, 2**24),
    metavar="N",
    help="Context size in tokens; 0 takes the model's own, at most 4096.",
)
@click.option("--json", "as_json", is_flag=True, help="Print text and figures as one object.")
@click.option("--plain", is_flag=True, help="Nothing but the answer, on a terminal too.")
@click.option(
    "--then",
    multiple=True,
    metavar="TEXT",
    help="A follow-up in the same conversation; with --json, one object a turn. Repeatable.",
)
@click.argument("prompt")
def ask(prompt: str, images: tuple[str, ...], **options: Any) -> int:
    r"""Answer PROMPT on standard output; `-` reads it from standard input.

    \b
    Examples:
      vlmtui ask --image photo.jpg "What is in this picture?"
      vlmtui ask --image a.png --image b.png "What differs?" --then "Which is brighter?"
      curl -s URL | vlmtui ask --image - --json "Describe the image."

    Exit codes: 0 answered, 1 the engine failed, 2 usage or bad input, 130 interrupted.
    """
    if [prompt, *images].count("-") > 1:
        raise click.UsageError("Standard input can be read once: for the prompt or for one image.")
    import gc

    from vlmtui.ask import Question, answer

    gc.enable()  # off since `__main__`
    with _ended_by_signals():
        answered = answer(Question(prompt=prompt, images=images, **options))
    return 0 if answered else INTERRUPTED


# ------------------------------------------------------------------------------------------ endings


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Leave in an orderly way, engine and temporary files included, when we are told to go."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
