"""`vlmtui models`: the models on this machine, and those that could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vlmtui.cli.options import kv_option

if TYPE_CHECKING:
    from vlmtui.engine.base import KvType


@click.group()
def models() -> None:
    """Models: will one fit into this machine's memory?"""


@models.command()
@click.argument("model", metavar="NAME|PATH|URL")
@click.option("--mmproj", metavar="PATH|URL", help="Its vision tower and projector.")
@click.option(
    "--ctx",
    type=click.IntRange(0, 2**24),
    default=0,
    metavar="N",
    help="Context size in tokens; 0 takes the model's own, at most 4096.",
)
@kv_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
def fit(model: str, mmproj: str | None, ctx: int, kv: KvType | None, as_json: bool) -> int:
    r"""Say whether a model fits into memory, before it is loaded or downloaded.

    \b
    Examples:
      vlmtui models fit demo
      vlmtui models fit llava-v1.5-7b-Q4_K_M.gguf --ctx 4096 --kv q8_0
      vlmtui models fit https://host/model.gguf --mmproj https://host/mmproj.gguf

    Of an address only the header is fetched, a few megabytes at most.

    Exit codes: 0 it fits, 1 it can't be told, 2 usage or a bad file, 3 it does not fit.
    """
    from vlmtui.cli.fit import report

    return report(model, mmproj, ctx, kv or "f16", as_json=as_json)
