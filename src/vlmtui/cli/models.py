"""`vlmtui models`: the models on this machine, and those that could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vlmtui.cli.options import kv_option

if TYPE_CHECKING:
    from vlmtui.engine.base import KvType

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
name_argument = click.argument("name", metavar="NAME")


@click.group(invoke_without_command=True)
@click.option("--here", is_flag=True, help="Only those on this machine.")
@json_option
@click.pass_context
def models(context: click.Context, here: bool, as_json: bool) -> int:
    """List models: on this machine and to be had, with size, memory and licence.

    Models of other programs are used where they lie: Hugging Face's cache, Ollama, LM Studio,
    llama.cpp, and the directories in `model_dirs` of the settings.

    Exit codes, also of the commands: 0 done, 1 failed, 2 usage, no such model, or a bad file.
    """
    if context.invoked_subcommand is not None:
        if here or as_json:
            raise click.UsageError(f"Put the options behind {context.invoked_subcommand!r}.")
        return 0
    from vlmtui.cli.models_list import list_models

    return list_models(here=here, as_json=as_json)


@models.command()
@name_argument
@json_option
def info(name: str, as_json: bool) -> int:
    """Tell what is known of a model: files, size, memory, licence, what it is good at."""
    from vlmtui.cli.models_info import tell

    return tell(name, json_wanted=as_json)


@models.command()
@name_argument
@click.option("--mmproj", is_flag=True, help="That of its vision tower instead.")
@json_option
def path(name: str, mmproj: bool, as_json: bool) -> int:
    """Print the path of a model's file; nothing else, for scripts."""
    from vlmtui.cli.models_info import tell_path

    return tell_path(name, mmproj=mmproj, as_json=as_json)


@models.command()
@click.argument("file", metavar="PATH.gguf")
@click.option("--mmproj", metavar="PATH", help="Its vision tower. Default: the one beside it.")
@click.option("--name", metavar="NAME", help="What to call it. Default: as its file.")
@json_option
def add(file: str, mmproj: str | None, name: str | None, as_json: bool) -> int:
    """Give a model file a name. It stays where it is; the pair of files is checked first."""
    from vlmtui.cli.models_change import add_model

    return add_model(file, mmproj, name, as_json=as_json)


@models.command()
@name_argument
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@json_option
def rm(name: str, yes: bool, as_json: bool) -> int:
    r"""Delete a model that vlmtui has fetched, or forget one that was added.

    \b
    Asks first, and says what it frees. Files of other programs are never touched: it says
    which command deletes them.
    """
    from vlmtui.cli.models_change import remove_model

    return remove_model(name, yes=yes, as_json=as_json)


@models.command()
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def default(name: str | None, as_json: bool) -> int:
    """Print the model that is taken when none is named, or make NAME that model.

    Changes the line `model` of the settings file, and nothing else in it.
    """
    from vlmtui.cli.models_change import default_model

    return default_model(name, as_json=as_json)


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
