"""What `vlmtui models tensorrt` does: make a tower's graph, compare it with the tower, keep it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from vlmtui import units
from vlmtui.chat.requests import loading
from vlmtui.cli import progress_bar, trial
from vlmtui.cli.json_output import print_json
from vlmtui.endings import ended_by_signals
from vlmtui.engine.engine_events import TowerCompared
from vlmtui.engine.engine_requests import Tower
from vlmtui.errors import ConversionFailed, InputError, StorageError, os_errors_as
from vlmtui.models import library
from vlmtui.models.installed import InstalledModel
from vlmtui.models.towers import tower_making, tower_store
from vlmtui.models.towers.tower_store import Graph, Runner
from vlmtui.printable import line
from vlmtui.settings import load_settings

_CTX = 1024
_NAMES: dict[Runner, str] = {"tensorrt": "TensorRT", "onnxruntime": "onnxruntime"}


def convert(name: str, runner: Runner, *, half: bool, as_json: bool) -> int:
    """Make a graph of a model's tower; returns the exit code.

    Raises `VlmtuiError` where it can't be made, or doesn't do what the tower does.
    """
    model = library.resolve(name)
    mmproj = tower_making.tower_of(model)
    with ended_by_signals():
        made = progress_bar.last_of(tower_making.make(mmproj, runner, half=half), model.name)
        try:
            compared = _compare(model, made.path, made.about)
        except BaseException:
            tower_store.remove(mmproj)
            raise
    about = msgspec.structs.replace(made.about, difference=compared.difference)
    if not about.agrees:
        tower_store.remove(mmproj)
        raise ConversionFailed(
            f"The graph of {model.name}'s tower differs from the tower by "
            f"{compared.difference:.4f}, more than {tower_store.MOST_DIFFERENCE}: it is not kept",
            "llama.cpp's own tower is used as before. With --fp32 the difference is smaller.",
        )
    tower_store.note(made.path, about)
    _report(model, made.path, about, compared, as_json=as_json)
    return 0


def verify(name: str, *, as_json: bool) -> int:
    """Compare the graph that there is with the tower; returns the exit code."""
    model = library.resolve(name)
    path, about = _there(model)
    compared = _compare(model, path, about)
    about = msgspec.structs.replace(about, difference=compared.difference)
    tower_store.note(path, about)
    _report(model, path, about, compared, as_json=as_json)
    return 0 if about.agrees else 1


def remove(name: str, *, as_json: bool) -> int:
    """Go back to llama.cpp's own tower; returns the exit code."""
    model = library.resolve(name)
    _there(model)
    with os_errors_as(StorageError, "The graph can't be deleted", "Check its permissions."):
        gone = tower_store.remove(tower_making.tower_of(model))
    if as_json:
        print_json({"name": model.name, "files": [str(file) for file in gone]})
    else:
        click.echo(f"{line(model.name)} sees through llama.cpp's own tower again.")
    return 0


def _there(model: InstalledModel) -> tuple[Path, Graph]:
    path = tower_store.find(tower_making.tower_of(model))
    about = tower_store.described(path) if path is not None else None
    if path is None or about is None:
        raise InputError(
            f"No graph was made of {model.name}'s tower",
            f"`vlmtui models tensorrt {model.name}` makes one.",
        )
    return path, about


def _compare(model: InstalledModel, path: Path, about: Graph) -> TowerCompared:
    load = msgspec.structs.replace(
        loading(load_settings(), model),
        ctx=_CTX,
        tower=Tower(str(path), about.side, about.tiles, compare=True),
    )
    with trial.engine() as engine:
        for event in engine.load(load):
            if isinstance(event, TowerCompared):
                return event
    raise AssertionError("the engine compares, or raises")


def _report(
    model: InstalledModel, path: Path, about: Graph, compared: TowerCompared, *, as_json: bool
) -> None:
    if as_json:
        described = {
            "name": model.name,
            "path": str(path),
            "bytes": path.stat().st_size,
            **msgspec.to_builtins(about),
            "agrees": about.agrees,
            "graph_s": compared.graph_s,
            "libmtmd_s": compared.libmtmd_s,
        }
        print_json(described)
        return
    kind = f"{_NAMES[about.runner]} {about.version}".strip()
    verdict = "agrees with" if about.agrees else "does NOT agree with"
    click.echo(f"{line(model.name)}: vision tower in {kind}, {'FP16' if about.half else 'FP32'}")
    click.echo(f"  {units.size(path.stat().st_size):>8}  {line(str(path))}")
    click.echo(
        f"  It {verdict} llama.cpp's tower: {compared.difference:.1e} apart "
        f"(at most {tower_store.MOST_DIFFERENCE:.0e})"
    )
    click.echo(
        f"  A picture takes {units.seconds(compared.graph_s)}; in llama.cpp "
        f"{units.seconds(compared.libmtmd_s)}"
    )
    used = "It is used from the next load on." if about.agrees else "It is not used."
    click.echo(used)
