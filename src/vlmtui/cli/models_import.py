"""What `vlmtui models import` does: look, make, load the result once, say what came of it."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from vlmtui import units
from vlmtui.cli import progress_bar, trial
from vlmtui.cli.json_output import print_json
from vlmtui.cli.pull import pull_models
from vlmtui.endings import ended_by_signals
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.errors import LoadFailed
from vlmtui.models.convert import importing
from vlmtui.models.convert.importing import Contents, Head, Import
from vlmtui.models.download.target import ImportWish
from vlmtui.printable import line

_HUB = "hf:"
_LARGE_HEAD = 1_000_000_000
"""Bytes of embeddings and output layer from which on a smaller head is worth a word."""


def import_model(source: str, name: str | None, head: Head, *, dry_run: bool, as_json: bool) -> int:
    """Import a checkpoint from a directory or `hf:OWNER/REPO`; returns the exit code.

    The model is called like the directory or repository unless it gets a name.
    """
    if source.startswith(_HUB):
        wish = ImportWish(name or "", head)
        return pull_models((source,), yes=True, dry_run=dry_run, as_json=as_json, imports=wish)
    folder = Path(os.path.realpath(os.path.expanduser(source)))
    job = importing.job(folder, name or folder.name, head)
    if dry_run:
        _report(job, importing.look(job), as_json=as_json)
        return 0
    importing.require_new(job)
    with ended_by_signals():
        made = progress_bar.last_of(importing.run(job), job.name)
        loads = _try(job, made)
        importing.finish(job)
    _report(job, made, as_json=as_json, loads=loads)
    return 0


def _try(job: Import, contents: Contents) -> bool | None:
    tower = str(job.draft(job.mmproj)) if contents.mmproj_bytes else None
    try:
        return trial.loads(Load(Files(str(job.draft(job.model)), tower), job.name), str(job.source))
    except LoadFailed:
        importing.discard(job)
        raise


def _report(job: Import, contents: Contents, *, as_json: bool, loads: bool | None = None) -> None:
    tower = contents.mmproj_bytes > 0
    if as_json:
        told = {
            "name": job.name,
            "path": str(job.model),
            "mmproj": str(job.mmproj) if tower else None,
            **msgspec.to_builtins(contents),
            "head": job.head,
            "loads": loads,
            "dry_run": contents.rounding is None,
        }
        print_json(told)
        return
    click.echo("\n".join(_words(job, contents, loads)))


def _words(job: Import, contents: Contents, loads: bool | None) -> list[str]:
    kind = "a language model" if contents.family == "text" else contents.family
    kept = "4-bit AWQ, as Q4_1" if contents.quantised else "not quantised"
    words = [
        f"{line(job.name)}: {kind}, {kept}",
        f"  {units.size(contents.model_bytes):>8}  {line(job.model.name)}",
    ]
    if contents.mmproj_bytes:
        words.append(f"  {units.size(contents.mmproj_bytes):>8}  {line(job.mmproj.name)}")
    if contents.quantised and job.head == "f16" and contents.head_bytes > _LARGE_HEAD:
        spared = contents.head_bytes * 30 // 64
        words.append(
            f"Embeddings and output layer are {units.size(contents.head_bytes)} of it: --head q8_0 "
            f"saves {units.size(spared)}, which can decide whether it fits a board of 8 GB."
        )
    if contents.rounding is None:
        return [*words, "Nothing was written."]
    if contents.rounding:
        words.append(
            f"A zero had to be rounded by {contents.rounding:.4f} of a quantisation step at most."
        )
    if loads is None:
        words.append("Not loaded: there is not enough memory free to try.")
    words.append(f"Ready: vlmtui --model {line(job.name)}")
    if not contents.quantised:
        words.append(f"Smaller: vlmtui models quantize {line(str(job.model))} OUT.gguf --to Q4_K_M")
    return words
