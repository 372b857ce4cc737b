"""`vlmtui models quantize`, `import` and `tensorrt`: models and towers that are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vlmtui.cli import completion
from vlmtui.cli.options import NAMED, json_option

if TYPE_CHECKING:
    from vlmtui.models.convert.importing import Head
    from vlmtui.models.towers.tower_store import Runner


@click.command()
@click.argument("source", type=NAMED, metavar="IN.gguf", shell_complete=completion.files)
@click.argument("target", type=NAMED, metavar="OUT.gguf", shell_complete=completion.files)
@click.option("--to", required=True, metavar="TYPE", help="Q4_K_M, Q5_K_M, Q8_0, …")
@click.option("--dry-run", is_flag=True, help="Only estimate how large it would be.")
@click.option(
    "--check",
    nargs=2,
    metavar="IMAGE PROMPT",
    help="Ask both about a picture afterwards, and print the answers.",
)
@click.option(
    "--with",
    "other",
    metavar="NAME|PATH",
    help="The other file of the pair: the mmproj of a model, the model of an mmproj.",
)
@click.option("--allow-requantize", is_flag=True, help="Even if IN is already quantised.")
@click.option("--force", is_flag=True, help="Replace OUT.")
@json_option
def quantize(**options: Any) -> int:
    """Make a smaller model from a large one, with llama.cpp's own quantiser.

    \b
    Examples:
      vlmtui models quantize model-F16.gguf model-Q4_K_M.gguf --to Q4_K_M
      vlmtui models quantize mmproj-F16.gguf mmproj-Q8_0.gguf --to Q8_0
      vlmtui models quantize in.gguf out.gguf --to Q5_K_M --check cat.jpg "What is it?"

    IN is never touched, and OUT appears when it is whole and can be loaded.

    Exit codes: 0 done, 1 failed (no room, it can't be loaded), 2 usage or a bad file,
    130 interrupted.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vlmtui.cli.models_quantize import Options, quantise

    return quantise(Options(**options))


@click.command("import")
@click.argument("source", type=NAMED, metavar="DIR|hf:OWNER/REPO", shell_complete=completion.files)
@click.option(
    "--name", type=NAMED, metavar="NAME", help="Its name. Default: that of the directory."
)
@click.option(
    "--head",
    type=click.Choice(["f16", "q8_0"]),
    default="f16",
    help="Type of the embeddings and the output layer of an AWQ model.",
)
@click.option("--dry-run", is_flag=True, help="Only say what it is and what it would become.")
@json_option
def import_(source: str, name: str | None, head: Head, dry_run: bool, as_json: bool) -> int:
    """Make a model from a checkpoint: PyTorch's or safetensors files, AWQ among them.

    \b
    Examples:
      vlmtui models import ./VILA1.5-3b-AWQ
      vlmtui models import hf:Efficient-Large-Model/VILA1.5-3b-AWQ --name vila
      vlmtui models import ./my-llava --head q8_0 --dry-run

    VILA1.5 (3B, 8B, 13B), LLaVA-1.5 and 1.6, and language models of Llama's kind are known, in 16
    bits or in 4-bit AWQ. The checkpoint is only read. An interrupted import continues where it
    stopped.

    Exit codes: 0 done, 1 failed (no room, it can't be loaded), 2 usage, or a checkpoint that is
    damaged or of another kind, 130 interrupted.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vlmtui.cli.models_import import import_model

    return import_model(source, name, head, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("name", type=NAMED, metavar="NAME", shell_complete=completion.any_model)
@click.option("--onnx", is_flag=True, help="For onnxruntime instead of TensorRT.")
@click.option("--fp32", is_flag=True, help="Compute in float32: exact, larger and slower.")
@click.option("--verify", is_flag=True, help="Compare the graph that there is with the tower.")
@click.option("--remove", is_flag=True, help="Delete the graph: back to llama.cpp's own tower.")
@json_option
def tensorrt(name: str, onnx: bool, fp32: bool, verify: bool, remove: bool, as_json: bool) -> int:
    """Convert a model's vision tower to TensorRT, on the board that it will run on.

    \b
    Examples:
      vlmtui models tensorrt vila1.5-3b
      vlmtui models tensorrt llava-1.5-7b --verify
      vlmtui models tensorrt llava-1.5-7b --onnx

    LLaVA-1.5, LLaVA-1.6 and imported VILA1.5. The language model stays as it is. The result is
    compared with llama.cpp's tower on a sample, and used from the next load on if both agree.
    docs/tensorrt.md says what it needs.

    Exit codes: 0 done, 1 failed or they don't agree, 2 usage, no such model or tower,
    130 interrupted.
    """  # noqa: D301 - click's mark for lines that stay as they are
    if verify and remove:
        raise click.UsageError("--verify and --remove don't go together.")
    from vlmtui.cli import models_tensorrt

    if verify:
        return models_tensorrt.verify(name, as_json=as_json)
    if remove:
        return models_tensorrt.remove(name, as_json=as_json)
    runner: Runner = "onnxruntime" if onnx else "tensorrt"
    return models_tensorrt.convert(name, runner, half=not fp32, as_json=as_json)
