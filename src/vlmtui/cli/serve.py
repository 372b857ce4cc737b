"""`vlmtui serve`: the engine for other programs."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import click

from vlmtui.cli.options import (
    NAMED,
    ctx_option,
    keep_alive_option,
    kv_option,
    mmproj_option,
    model_option,
    template_option,
)

_ORIGIN = re.compile(r"https?://[^/?#@\s]+|\*|null|[a-z-]+-extension://[^/\s]+")
"""What browsers send for a page: of an address no more than this. `null` stands for a file's."""


class Origin(click.ParamType[str]):
    """A site as browsers name it; any other text would allow nobody, without a word."""

    name = "SITE"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _ORIGIN.fullmatch(value.lower()):
            self.fail(f"{value!r} is not like https://example.org, without a path", param, ctx)
        return value.lower()


@click.command()
@model_option
@mmproj_option
@template_option
@click.option(
    "--host",
    type=NAMED,
    default="127.0.0.1",
    metavar="ADDRESS",
    show_default=True,
    help="Where to listen; other machines need a key.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8484, show_default=True)
@click.option(
    "--api-key-file",
    type=NAMED,
    metavar="PATH",
    help="File (mode 0600) with the key that clients must send; needed beyond 127.0.0.1.",
)
@click.option(
    "--allow-origin",
    "origins",
    type=Origin(),
    multiple=True,
    metavar="SITE",
    help="A site whose web pages may send requests: https://example.org. Repeatable.",
)
@click.option("--fetch-pictures", is_flag=True, help="Fetch pictures that are given by address.")
@click.option(
    "--queue",
    type=click.IntRange(0, 1000),
    default=8,
    show_default=True,
    help="Requests that may wait for their turn; others get status 429.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 86400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for a request, including the wait.",
)
@ctx_option
@kv_option
@keep_alive_option
def serve(
    host: str,
    port: int,
    api_key_file: str | None,
    origins: tuple[str, ...],
    fetch_pictures: bool,
    queue: int,
    timeout: int,
    **asked_for: Any,
) -> int:
    """Serve the model to other programs, over OpenAI's protocol.

    Answers at http://ADDRESS:PORT/v1 (chat completions, with pictures), one request after the
    other. Without a key only programs on this machine are answered. The log on standard error
    lists requests, never what was said in them.

    \b
    Examples:
      vlmtui serve --model llava
      ssh -L 8484:localhost:8484 board vlmtui serve
      vlmtui serve --host 0.0.0.0 --api-key-file ~/.vlmtui-key

    Exit codes: 1 the model can't be loaded, 2 usage or bad input; ended by Ctrl+C 130, by
    SIGTERM 143.
    """  # noqa: D301 - click's mark for lines that stay as they are
    import gc

    from vlmtui.chat import consent, requests
    from vlmtui.cli.consent import asking
    from vlmtui.endings import ended_by_signals
    from vlmtui.errors import InputError
    from vlmtui.models import endpoints
    from vlmtui.settings import keep_alive_seconds, load_settings

    gc.enable()  # off since `__main__`
    if find_spec("uvicorn") is None:
        raise InputError(
            "The server needs a package that isn't installed", "pip install 'vlmtui[serve]'"
        )
    from vlmtui.serve.admission import Admission, Rules
    from vlmtui.serve.serving import serve as run

    settings = load_settings()
    load = requests.asked_for(settings, **asked_for)
    consent.settle(load, asking())
    key = endpoints.key_in(api_key_file, "this server") if api_key_file else ""
    rules = Rules(
        Admission(key, origins),
        requests.sampling(settings),
        fetching=fetch_pictures,
        waiting=queue,
        seconds=timeout,
    )
    with ended_by_signals():
        run(load, host, port, rules, keep_alive_seconds(settings))
    return 0
