"""Whether the disk has room for a download."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from vlmtui import paths
from vlmtui.errors import DiskFull
from vlmtui.models.download.events import Plan, RemoteFile
from vlmtui.models.stores import cache_variable


def check(files: Iterable[RemoteFile], also: tuple[Path, int] | None = None) -> None:
    """See that there is room for what is still to come, and `also` for so many bytes elsewhere.

    Raises:
        DiskFull: There is not enough.
    """
    need: dict[int, int] = {}
    where: dict[int, Path] = {}
    wanted = [(file.blob.parent, file.missing) for file in files]
    for place, missing in [*wanted, also] if also is not None else wanted:
        folder = _existing(place)
        try:
            device = folder.stat().st_dev
        except OSError:
            continue
        need[device] = need.get(device, 0) + missing
        where[device] = folder
    for device, size in need.items():
        try:
            free = shutil.disk_usage(where[device]).free
        except OSError:
            continue
        if size > free:
            raise no_room(where[device], size, free)


def imported(plan: Plan) -> int:
    """Bytes of what an import makes of a checkpoint, about: AWQ grows by a fifth, as Q4_1."""
    return plan.size * 6 // 5


def no_room(folder: Path, size: int, free: int, words: str = "") -> DiskFull:
    """The error for a disk with fewer bytes free than have to go into a folder of it."""
    own = _existing(paths.models_dir()) == folder or folder.is_relative_to(paths.models_dir())
    other = "VLMTUI_HOME" if own else cache_variable()
    short = size - free
    return DiskFull(
        f"The disk of {folder} is too small: {_gb(size)} are needed, {_gb(free)} are free",
        f"Free {_gb(short)} there (`vlmtui models rm` removes models), or set {other} to a "
        f"directory on a larger disk.{words}",
        short,
    )


def _existing(folder: Path) -> Path:
    """The nearest directory that is there."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
