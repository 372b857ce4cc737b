"""`vlmtui models`: the models on this machine, and those that could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vlmtui.cli import completion
from vlmtui.cli.models_making import import_, quantize, tensorrt
from vlmtui.cli.options import NAMED, ctx_option, json_option, kv_option

if TYPE_CHECKING:
    from vlmtui.engine.engine_requests import KvType

name_argument = click.argument(
    "name", type=NAMED, metavar="NAME", shell_complete=completion.any_model
)
here_option = click.option("--here", is_flag=True, help="Only those on this machine.")


@click.group(invoke_without_command=True)
@here_option
@json_option
@click.pass_context
def models(context: click.Context, here: bool, as_json: bool) -> int:
    """List models: installed and for download, with size, memory and licence.

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


@models.command("list")
@here_option
@json_option
def list_(here: bool, as_json: bool) -> int:
    """The same as `vlmtui models` alone; `ls` is short for it."""
    from vlmtui.cli.models_list import list_models

    return list_models(here=here, as_json=as_json)


completion.also_ls(models, list_)


@models.command()
@name_argument
@json_option
def info(name: str, as_json: bool) -> int:
    """Show what is known about a model: files, size, memory, licence, what it is good at."""
    from vlmtui.cli.models_list import show_model

    return show_model(name, as_json=as_json)


@models.command()
@name_argument
@click.option("--mmproj", is_flag=True, help="Print the path of its vision tower instead.")
@json_option
def path(name: str, mmproj: bool, as_json: bool) -> int:
    """Print the path of a model's file; nothing else, for scripts."""
    from vlmtui.cli.models_list import print_path

    return print_path(name, mmproj=mmproj, as_json=as_json)


@models.command()
@click.argument(
    "file", type=NAMED, metavar="[PATH.gguf]", required=False, shell_complete=completion.files
)
@click.option(
    "--mmproj", type=NAMED, metavar="PATH", help="Its vision tower. Default: the one beside it."
)
@click.option(
    "--endpoint", metavar="URL", help="A server with an OpenAI-compatible API, instead of a file."
)
@click.option(
    "--model", default="", metavar="ID", help="One model of the server. Default: all it lists."
)
@click.option(
    *("--api-key-env", "key_variable"),
    default="",
    metavar="NAME",
    help="The variable that holds the server's key.",
)
@click.option(
    *("--api-key-file", "key_file"),
    default="",
    metavar="PATH",
    help="The file (mode 0600) that holds it.",
)
@click.option(
    "--name", type=NAMED, metavar="NAME", help="Its name. Default: that of its file or host."
)
@json_option
def add(
    file: str | None,
    mmproj: str | None,
    endpoint: str | None,
    name: str | None,
    as_json: bool,
    **of_server: str,
) -> int:
    """Give a model file a name, or add the models of a server.

    \b
    Examples:
      vlmtui models add ~/models/llava.gguf --name llava
      vlmtui models add --endpoint http://localhost:8080/v1 --name board
      vlmtui models add --endpoint https://host/v1 --model gpt-4o --api-key-env OPENAI_API_KEY

    A file stays where it is; the pair of files is checked first. A server is asked which models
    it has; they go by NAME/MODEL. The key itself is never kept.
    """  # noqa: D301 - click's mark for lines that stay as they are
    if (file is None) == (endpoint is None):
        also = ", not both" if file else ""
        raise click.UsageError(f"Give the path of a .gguf file or --endpoint URL{also}.")
    if file is not None:
        if any(of_server.values()):
            raise click.UsageError("--model and --api-key-… go with --endpoint.")
        from vlmtui.cli.models_change import add_model

        return add_model(file, mmproj, name, as_json=as_json)
    from vlmtui.cli.models_change import add_server

    return add_server(endpoint or "", name=name or "", as_json=as_json, **of_server)


@models.command()
@name_argument
@json_option
def agree(name: str, as_json: bool) -> int:
    """Let questions and their pictures go to a server on another machine, without asking.

    The chat, `ask` and `bench` ask on a terminal, once for each server; scripts need this.
    """
    from vlmtui.cli.consent import agree as agree_to

    return agree_to(name, as_json=as_json)


@models.command()
@click.argument(
    "wanted",
    metavar="NAME|hf:OWNER/REPO|URL...",
    nargs=-1,
    required=True,
    shell_complete=completion.any_model,
)
@click.option(
    "--mmproj", default="", metavar="PATTERN|URL", help="Which vision tower; none for no tower."
)
@click.option("--yes", "-y", is_flag=True, help="Download it even if it doesn't fit into memory.")
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be downloaded and whether it fits."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def pull(wanted: tuple[str, ...], mmproj: str, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Download models, into the cache that Hugging Face's tools share.

    \b
    Examples:
      vlmtui models pull qwen2.5-vl-3b
      vlmtui models pull hf:ggml-org/SmolVLM2-2.2B-Instruct-GGUF:Q8_0 --mmproj f16
      vlmtui models pull https://host/model.gguf --mmproj https://host/mmproj.gguf

    The vision tower is downloaded, too. An interrupted download, by Ctrl+C or anything else,
    continues when it is pulled again. A token for gated models comes from HF_TOKEN or from
    `hf auth login`; HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE are respected.

    Exit codes: 0 all are here, 1 failed, 2 usage, no such model, or several to choose from,
    3 it does not fit, 130 interrupted; of several, that of the first that failed.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vlmtui.cli.pull import pull_models

    return pull_models(wanted, mmproj, yes=yes, dry_run=dry_run, as_json=as_json)


@models.command()
@name_argument
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@json_option
def rm(name: str, yes: bool, as_json: bool) -> int:
    """Delete a model that vlmtui downloaded; forget one that was added or opened by its path.

    Asks first, and says what it frees. Files of other programs are never touched: it says
    which command deletes them.
    """
    from vlmtui.cli.models_change import remove_model

    return remove_model(name, yes=yes, as_json=as_json)


@models.command()
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def default(name: str | None, as_json: bool) -> int:
    """Print the model that is used when none is named, or make NAME the default.

    Changes the line `model` of the settings file, and nothing else in it.
    """
    from vlmtui.cli.models_change import default_model

    return default_model(name, as_json=as_json)


@models.command()
@click.argument("model", type=NAMED, metavar="NAME|PATH|URL", shell_complete=completion.any_model)
@click.option("--mmproj", type=NAMED, metavar="PATH|URL", help="Its vision tower and projector.")
@ctx_option
@kv_option
@json_option
def fit(model: str, mmproj: str | None, ctx: int | None, kv: KvType | None, as_json: bool) -> int:
    """Say whether a model fits into memory, before it is loaded or downloaded.

    \b
    Examples:
      vlmtui models fit demo
      vlmtui models fit llava-1.5-7b --ctx 4096 --kv q8_0
      vlmtui models fit hf:ggml-org/SmolVLM2-2.2B-Instruct-GGUF:Q8_0 --mmproj f16
      vlmtui models fit https://host/model.gguf --mmproj https://host/mmproj.gguf

    Of a model that isn't installed only the header is downloaded, a few megabytes at most.

    Exit codes: 0 it fits, 1 it isn't known, 2 usage or a bad file, 3 it does not fit.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vlmtui.cli.fit import report

    return report(model, mmproj, ctx or 0, kv or "f16", as_json=as_json)


for _command in (quantize, import_, tensorrt):
    models.add_command(_command)
