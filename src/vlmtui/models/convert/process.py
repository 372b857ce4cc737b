"""The process that imports: the only one that holds NumPy, told of line by line.

Started by `importing`. Killing it at any moment is the way to cancel it: what it has written is
gone on with the next time.
"""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import msgspec

from vlmtui import kept, offspring
from vlmtui.errors import ImportFailed, StorageError, remedy
from vlmtui.models import file_maker
from vlmtui.models.convert.importing import Contents, Order
from vlmtui.offspring import Telling


def main(parent: int, order: str, source: str, model: str, mmproj: str) -> None:
    """Import a checkpoint's directory by an `Order` as JSON, for a process that must be alive.

    `model` and `mmproj` are where the files of the language model and of its tower come into being.
    """
    telling = offspring.begin(parent)
    wanted = msgspec.json.decode(order, type=Order)
    install = f"Run: {sys.executable} -m pip install numpy safetensors"
    with telling.errors(ImportFailed, "Importing", install, f"{source} can't be imported"):
        _import(wanted, Path(source), Path(model), Path(mmproj), telling)


def _import(wanted: Order, source: Path, model: Path, mmproj: Path, telling: Telling) -> None:
    from vlmtui.models.convert import building, checkpoint, writer

    found = checkpoint.recognise(source)
    built = building.build(found, wanted.name, wanted.head)
    contents = Contents(
        found.family,
        built.quantised,
        built.head_bytes,
        built.model.size + len(writer.encoded(built.model)),
        built.mmproj.size if built.mmproj is not None else 0,
        sum(tensor.size for tensor in found.all_tensors()),
    )
    telling.tell(made=contents)
    if wanted.dry_run:
        return
    files = [(model, built.model)]
    if built.mmproj is not None:
        files.insert(0, (mmproj, built.mmproj))  # the smaller one first: it may have to be refused
    _check_room([path for path, _ in files], contents)
    total = max(1, sum(file.size for _, file in files))
    before = 0
    for path, file in files:

        def tell(name: str, done: int, begun: int = before) -> None:
            telling.tell(fraction=(begun + done) / total, doing=name)

        with path.open("ab") as held:
            _hold(held.fileno(), path)
            try:
                writer.write(path, file, tell)
            except OSError as error:
                raise _unwritable(error, path, contents) from error
        before += file.size
    rounding = built.language.rounding.largest
    telling.tell(made=msgspec.structs.replace(contents, rounding=rounding))


def _check_room(drafts: list[Path], contents: Contents) -> None:
    begun = sum(draft.stat().st_size for draft in drafts if draft.exists())
    folder = drafts[0].parent
    if shutil.disk_usage(folder).free + begun < _expected(contents) + file_maker.ROOM_LEFT:
        raise _no_room(folder, contents)


def _expected(contents: Contents) -> int:
    return contents.model_bytes + contents.mmproj_bytes


def _no_room(folder: Path, contents: Contents) -> StorageError:
    other = "set VLMTUI_HOME to a directory on another disk"
    return file_maker.no_room(folder, _expected(contents), shutil.disk_usage(folder).free, other)


def _hold(descriptor: int, path: Path) -> None:
    """Be the only one who writes a file.

    Raises:
        StorageError: Another process does.
    """
    if not kept.locked(descriptor):
        raise StorageError(
            f"{path} is being written by another import", "Wait until it is done, or stop it."
        )


def _unwritable(error: OSError, path: Path, contents: Contents) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_room(path.parent, contents)
    return StorageError(
        f"{path} can't be written: {error.strerror}", remedy(error, "Check its directory.")
    )
