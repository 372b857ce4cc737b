"""Making a model smaller: checks what is asked for, and has it done by a process of its own.

The source is only read. The result comes under another name first, and gets its own when it is
whole. Whether it can be loaded is for others to say.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from vlmtui.errors import InputError, QuantizeFailed
from vlmtui.models import file_maker, gguf
from vlmtui.models.file_maker import Progress
from vlmtui.models.gguf.header import Header
from vlmtui.models.gguf.quants import FILE_TYPES

TYPES = (
    *("F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S"),
    *("Q4_1", "Q4_0", "IQ4_NL", "IQ4_XS", "Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M", "IQ3_S", "Q2_K"),
)
"""What can be made, the best first."""

MMPROJ_TYPES = ("F16", "Q8_0")
"""What a vision tower can be made: below, pictures suffer more than the size is worth."""

_NEEDS_MATRIX = frozenset(
    ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S"]
)
_UNQUANTISED = frozenset(("F32", "F16", "BF16", "F64"))
_MAKER = file_maker.Maker(
    "vlmtui.engine.backends.llamacpp.quantizer", "quantize.log", QuantizeFailed
)


class Result(msgspec.Struct, frozen=True):
    """What was made, or would be."""

    source_bytes: int
    target_bytes: int
    """Reckoned in a dry run."""

    fallbacks: int = 0
    """Tensors whose rows can't be of the wished type, and were made a larger one."""


class Quantization(msgspec.Struct, frozen=True):
    """Something that can be made: everything about it has been checked."""

    source: Path
    target: Path
    to: str
    """A key of `TYPES`."""

    header: Header
    """Of the source."""

    threads: int = 0
    requantise: bool = False

    @property
    def is_mmproj(self) -> bool:
        return self.header.architecture == "clip"

    @property
    def draft(self) -> Path:
        """Where the result comes into being; hidden, so that nobody takes it for a model."""
        return self.target.with_name(f".{self.target.name}.{os.getpid()}.part")


def prepare(
    source: Path,
    target: Path,
    to: str,
    *,
    threads: int = 0,
    requantise: bool = False,
    overwrite: bool = False,
) -> Quantization:
    """Check what is asked for: `to` is one of `TYPES`, in any letters; 0 threads takes all cores.

    Of a split model, the source is the first part. Only `requantise` takes one that is quantised.

    Raises:
        InputError: It can't be done like that; says why.
        BadModelFile: The source is damaged, or no model.
    """
    kind = _type(to)
    header = _quantisable(source, kind, requantise=requantise)
    _check_target(target, source, overwrite=overwrite)
    return Quantization(source, target, kind, header, threads, requantise)


def _quantisable(source: Path, kind: str, *, requantise: bool) -> Header:
    """The header of a file that can be made smaller."""
    header = gguf.from_path(source)
    if header.text("general.type") in ("adapter", "imatrix", "vocab"):
        what = header.text("general.type")
        raise InputError(f"{source} is not a model to quantise ({what})", "Name a model's file.")
    if header.architecture == "clip" and kind not in MMPROJ_TYPES:
        raise InputError(
            f"{source} is a vision tower (mmproj), which is made {' or '.join(MMPROJ_TYPES)}",
            "Below that, pictures lose too much for the memory saved: --to Q8_0.",
        )
    done = sorted({tensor.quant for tensor in header.tensors} - _UNQUANTISED)
    if done and not requantise:
        raise InputError(
            f"{source} is quantised already ({', '.join(done)})",
            "Quantising it again loses more quality than quantising the F16 or BF16 file once: use "
            "that one, or add --allow-requantize.",
        )
    return header


def _check_target(target: Path, source: Path, *, overwrite: bool) -> None:
    if (target.exists() and not target.is_file()) or not target.name.lower().endswith(".gguf"):
        raise InputError(f"{target} is not a name for a model", "Let it end in .gguf.")
    if not target.parent.is_dir():
        raise InputError(f"There is no directory {target.parent}", "Make it first.")
    if target.exists() and target.samefile(source):
        raise InputError(
            f"{target} is the source itself, which is never touched", "Name another file."
        )
    if target.exists() and not overwrite:
        raise InputError(f"{target} already exists", "Name another file, or add --force.")


def dry_run(job: Quantization) -> Result:
    """Reckon the size of the result; nothing is written.

    Raises:
        QuantizeFailed: llama.cpp refuses.
    """
    result = None
    for step in _child(job, dry=True):
        if isinstance(step, Result):
            result = step
    assert result is not None
    return result


def run(job: Quantization, expected: int) -> Generator[Progress | Result, None, None]:
    """Quantise; the result lies at `draft` when the last value, a `Result`, comes.

    Leaving the iterator kills the process. Whoever calls this calls `finish` or `discard` then.
    `expected` are the bytes of the result, from a dry run.

    Raises:
        StorageError: The disk is too small, or became so.
        QuantizeFailed: llama.cpp refuses or dies.
    """
    _sweep(job)
    free = shutil.disk_usage(job.target.parent).free
    if free < expected + file_maker.ROOM_LEFT:
        raise file_maker.no_room(job.target, expected + file_maker.ROOM_LEFT, free)
    try:
        yield from _child(job, dry=False)
    except QuantizeFailed as error:
        if shutil.disk_usage(job.target.parent).free < max(file_maker.ROOM_LEFT, 1_000_000):
            raise file_maker.no_room(job.target, expected, 0) from error
        raise


def _sweep(job: Quantization) -> None:
    """Delete what processes left behind that were killed while they made the same file."""
    import psutil  # only here

    for draft in job.target.parent.glob(f".{glob.escape(job.target.name)}.*.part"):
        number = draft.name.split(".")[-2]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            file_maker.discard(draft)


def _type(to: str) -> str:
    kind = to.upper()
    if kind in _NEEDS_MATRIX:
        raise InputError(
            f"{kind} needs an importance matrix, which vlmtui can't make",
            "Without one the model would talk nonsense: use Q2_K, Q3_K_S or IQ4_XS.",
        )
    if kind not in TYPES:
        raise InputError(f"{to} is not a type to quantise to", f"Choose one of {', '.join(TYPES)}.")
    return kind


class _Written(msgspec.Struct, frozen=True):
    """What the process says at the end."""

    size: int
    fallbacks: int


def _child(job: Quantization, *, dry: bool) -> Iterator[Progress | Result]:
    number = {name: number for number, name in FILE_TYPES.items()}[job.to]
    order = msgspec.json.encode(
        {"file_type": number, "threads": job.threads, "requantise": job.requantise, "dry_run": dry}
    )
    sizes = {tensor.name: tensor.size for tensor in job.header.tensors}
    files = (os.fspath(job.source), os.fspath(job.draft))
    done = 0
    arguments = (order.decode(), *files)
    with closing(_MAKER.run(arguments, _Written, f"quantised {job.source}")) as steps:
        for step in steps:
            if isinstance(step, Progress):
                yield Progress(done / max(1, job.header.weights), step.doing)
                done += sizes.get(step.doing, 0)
            else:
                yield _result(job, step, dry=dry)


def _result(job: Quantization, written: _Written, *, dry: bool) -> Result:
    if dry:
        # llama.cpp counts the tensors; header and vocabulary stay as they are
        first = min((tensor.offset for tensor in job.header.tensors), default=0)
        return Result(job.header.file_size, written.size + first, written.fallbacks)
    return Result(job.header.file_size, job.draft.stat().st_size, written.fallbacks)
