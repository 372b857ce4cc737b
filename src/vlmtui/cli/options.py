"""Options and types of arguments that several commands share."""

from __future__ import annotations

import math
import os
from typing import Any

import click

from vlmtui.cli import completion


class Finite(click.FloatRange):
    """A range of floats that keeps out "nan", which passes every comparison, and "inf"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a usable number", param, ctx)
        return number


class Thinking(click.ParamType[str | int]):
    """Whether to think: a word, or the most tokens."""

    name = "on|off|N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value.lower() in ("on", "off", "auto"):
            return value.lower()
        if value.isdecimal() and 0 < int(value) < 2**31:
            return int(value)
        self.fail(f"{value} is not on, off, auto, or a number of tokens", param, ctx)


class Named(click.types.StringParamType):
    """A name or path, which can't be empty: an unset variable of a script would be ignored."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        if not text.strip():
            self.fail("it is empty; is a variable of the script not set?", param, ctx)
        return text


NAMED = Named()

COUNT = click.IntRange(0, 2**31 - 1)
"""What libraries in C take, as in the settings."""

STANDARD_INPUT = STANDARD_OUTPUT = "-"
"""In the place of a file to read or to write."""


def _keep_alive(minutes: float | None) -> None:
    """Have it go before what environment and settings say, in whatever is started, too."""
    if minutes is not None:
        from vlmtui.settings import KEEP_ALIVE

        os.environ[KEEP_ALIVE] = str(minutes)


class DetailType(click.ParamType[Any]):
    """How finely pictures are looked at."""

    name = "detail"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from vlmtui.commands import sampling_text

        try:
            return sampling_text.detail(value)
        except ValueError:
            self.fail(f"{value!r} is not {sampling_text.FIELDS['detail'][0]}", param, ctx)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
model_option = click.option(
    "--model",
    "-m",
    shell_complete=completion.models,
    type=NAMED,
    metavar="NAME|PATH.gguf",
    help="The model: a name, or the path of a GGUF file. Default: the bundled one, `demo`.",
)
mmproj_option = click.option(
    "--mmproj",
    shell_complete=completion.files,
    type=NAMED,
    metavar="PATH",
    help="The model's vision tower and projector. Default: the mmproj file beside the model.",
)
template_option = click.option(
    "--template",
    shell_complete=completion.files,
    type=NAMED,
    metavar="NAME|FILE",
    help="Chat template instead of the model's own: a built-in one (chatml, gemma, …) or a file.",
)
images_option = click.option(
    "--images",
    type=click.Choice(("auto", "kitty", "sixel", "symbols", "quadrants", "halfblock", "none")),
    help="How pictures are shown. Default: `auto`, as well as this terminal can.",
)
keep_alive_option = click.option(
    "--keep-alive",
    type=Finite(min=-1),
    metavar="MINUTES",
    help="How long the model stays loaded afterwards; 0 not at all, -1 for ever. Default: 5.",
    expose_value=False,
    callback=lambda _context, _option, minutes: _keep_alive(minutes),
)
ctx_option = click.option(
    "--ctx",
    type=click.IntRange(0, 2**24),
    metavar="N",
    help="Context size in tokens; 0 takes the model's own, at most 4096 and what fits.",
)
kv_option = click.option(
    "--kv",
    type=click.Choice(["f16", "q8_0", "q4_0"]),
    help="What the KV cache is kept in: q8_0 takes half the memory of f16. Default: f16.",
)
