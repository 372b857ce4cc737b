"""`vlmtui ask`: one question, answered on standard output."""

from __future__ import annotations

import os
import re
import shlex
import sys
from typing import Any

import click

from vlmtui.cli import completion
from vlmtui.cli.options import (
    COUNT,
    NAMED,
    DetailType,
    Finite,
    Thinking,
    ctx_option,
    keep_alive_option,
    kv_option,
    mmproj_option,
    model_option,
    template_option,
)
from vlmtui.endings import INTERRUPTED, ended_by_signals


@click.command()
@model_option
@mmproj_option
@template_option
@click.option(
    "--image",
    "-i",
    "images",
    type=NAMED,
    multiple=True,
    metavar="PATH",
    shell_complete=completion.files,
    help="A picture to ask about, by path or URL, or a part of one, PATH[x,y,width,height]; "
    "`-` reads standard input. Repeatable.",
)
@click.option(
    "--detail",
    type=DetailType(),
    metavar="D",
    help="How finely pictures are looked at, if the model has a choice: low, normal, high, max, "
    "or the most tokens that one may take.",
)
@click.option("--system", "-s", metavar="TEXT", help="System prompt.")
@click.option(
    "--max-tokens", type=COUNT, metavar="N", help="Longest answer in tokens; 0 for no limit."
)
@click.option("--temperature", type=Finite(min=0), metavar="T", help="0 is greedy.")
@click.option("--top-p", type=Finite(0, 1), metavar="P", help="Nucleus sampling; 1 turns it off.")
@click.option("--top-k", type=COUNT, metavar="K", help="0 turns it off.")
@click.option("--min-p", type=Finite(0, 1), metavar="P", help="0 turns it off.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Makes the answer repeatable."
)
@click.option(
    "--schema",
    type=NAMED,
    metavar="FILE|JSON|SHORT",
    help="JSON Schema for answers: a file, JSON, or in short 'name: str, tags: [str]'.",
)
@click.option(
    "--choices", metavar="A,B,C", help="The answer is one of these texts, or one from a JSON array."
)
@click.option("--grammar", type=NAMED, metavar="FILE.gbnf", help="GBNF grammar for answers.")
@click.option("--regex", metavar="PATTERN", help="Pattern that the whole answer must match.")
@click.option(
    "--think",
    type=Thinking(),
    metavar="on|off|N|auto",
    help="Think before answering, N tokens at most; auto limits small models.",
)
@click.option("--thought", is_flag=True, help="Print the thought on standard error.")
@ctx_option
@kv_option
@keep_alive_option
@click.option("--save", is_flag=True, help="Keep it as a chat, for `--continue`.")
@click.option(
    "--continue", "-c", "continue_last", is_flag=True, help="Continue the chat saved last."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the text and the statistics as one JSON object."
)
@click.option("--plain", is_flag=True, help="Nothing but the answer, on a terminal too.")
@click.option(
    "--then",
    multiple=True,
    metavar="TEXT",
    help="A follow-up in the same conversation; with --json, one object a turn. Repeatable.",
)
@click.argument("words", nargs=-1, metavar="[PICTURE]... [PROMPT]", shell_complete=completion.files)
def ask(words: tuple[str, ...], images: tuple[str, ...], **options: Any) -> int:
    """Answer PROMPT on standard output; `-`, or none in a pipe, reads it from standard input.

    Text that is piped in beside a prompt goes before it.

    \b
    Examples:
      vlmtui ask --image a.png --image b.png "What differs?" --then "Which is brighter?"
      vlmtui ask photo.jpg "What is in this picture?"
      git diff | vlmtui ask "What has changed?"
      vlmtui ask shop.jpg --json --schema 'item: str, price: float' "What is sold?"
      curl -s URL | vlmtui ask --image - --json "Describe the image."

    Exit codes: 0 answered, 1 the engine failed, 2 usage or bad input, 3 the answer was cut off
    and doesn't follow the schema (choices, grammar, pattern), 130 interrupted.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vlmtui.compose import crops

    prompt, named = _split_words(words)
    images += named
    if prompt is None:
        if any(crops.split(image)[0] == "-" for image in images) or sys.stdin.isatty():
            raise click.MissingParameter(param_hint="'PROMPT'", param_type="argument")
        prompt = "-"
    if [prompt, *(crops.split(image)[0] for image in images)].count("-") > 1:
        raise click.UsageError("Standard input can be read once: for the prompt or for one image.")
    import gc

    from vlmtui.ask.conversation import answer
    from vlmtui.ask.question import Question
    from vlmtui.cli.consent import asking

    gc.enable()  # off since `__main__`
    with ended_by_signals():
        answered = answer(Question(prompt=prompt, images=images, **options), confirm=asking())
    return 0 if answered else INTERRUPTED


def _split_words(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Which argument is the prompt, and which are pictures: by their addresses and endings."""
    from vlmtui.compose import crops, mentions

    def is_picture(word: str) -> bool:
        path = os.path.expanduser(crops.split(word)[0])
        one = not re.search(r"\s", word)  # a question has several words
        if mentions.is_url(word):
            return one
        suffix = os.path.splitext(path)[1].lower()
        return suffix in mentions.PICTURE_SUFFIXES and (one or os.path.exists(path))

    pictures = tuple(word for word in words if is_picture(word))
    prompts = [word for word in words if not is_picture(word)]
    if len(prompts) > 1:
        raise click.UsageError(f"Put the prompt in quotes: {shlex.quote(' '.join(prompts))}")
    return (prompts[0] if prompts else None), pictures
