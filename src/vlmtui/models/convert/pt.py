"""Tensors of PyTorch's `.pt` and `.bin` files, without PyTorch and without unpickling.

Such a file is a zip of a pickle, which `pickle_machine` reads, and of the tensors' bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

from vlmtui.errors import BadModelFile, reason
from vlmtui.models.convert import pickle_machine
from vlmtui.models.convert.pickle_machine import Refused, View
from vlmtui.models.convert.stored import SIZES, Stored

_LARGEST_PICKLE = 16_000_000
"""Bytes. A model of a thousand tensors has 0.2 MB of them."""

_LARGEST = 2**62

_WRAPPERS = ("state_dict", "model", "module")
"""Names under which trainers put a model's tensors."""


def read(path: Path) -> dict[str, Stored]:
    """The tensors of a file, by name.

    Raises:
        BadModelFile: It is damaged, of before PyTorch 1.6, or holds anything but tensors.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return _Archive(path, file, archive).tensors()
    except Refused as error:
        raise BadModelFile(
            f"{path} is not a plain list of tensors: {error}",
            "It is not opened, as such a file can run programs. Use the checkpoint in "
            "safetensors, or save its state_dict() alone with torch.save.",
        ) from None
    except zipfile.BadZipFile as error:
        raise BadModelFile(
            f"{path} is not a PyTorch file of version 1.6 or newer: {error}",
            "Was it copied completely? An older file has to be saved again with torch.save.",
        ) from None
    except OSError as error:
        raise BadModelFile(f"{path} can't be read: {reason(error)}", "Check the file.") from error
    except (ArithmeticError, LookupError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, error) from None
    except (ValueError, TypeError, EOFError, struct.error, MemoryError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> BadModelFile:
    return BadModelFile(
        f"{path} is damaged: {str(error)[:200] or type(error).__name__}",
        "Copy or download it again.",
    )


class _Archive:
    """The zip of one file."""

    def __init__(self, path: Path, file: io.BufferedReader, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._file = file
        self._entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [name for name in self._entries if name.count("/") == 1]
        pickles = [name for name in pickles if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused("there is no data.pkl in it")
        self._pickle = pickles[0]
        self._root = self._pickle.removesuffix("data.pkl")

    def tensors(self) -> dict[str, Stored]:
        entry = self._entries[self._pickle]
        if entry.file_size > _LARGEST_PICKLE:
            raise Refused(f"its data.pkl has {entry.file_size:,} bytes")
        self._file.seek(self._begin(entry))
        content = pickle_machine.run(self._file.read(entry.file_size))
        for wrapper in _WRAPPERS:
            if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
                content = content[wrapper]
        if not isinstance(content, dict):
            raise Refused("it is not a dictionary")
        if self._order() != "little":
            raise Refused("its numbers are big-endian")
        views = {name: view for name, view in content.items() if isinstance(view, View)}
        if not views:
            raise Refused("there is no tensor in it")
        return {str(name): self._stored(str(name), view) for name, view in views.items()}

    def _stored(self, name: str, view: View) -> Stored:
        count, wanted = 1, []
        for length in reversed(view.shape):
            wanted.append(count)
            count *= length
        contiguous = all(
            length == 1 or stride == step
            for length, stride, step in zip(view.shape, view.strides, reversed(wanted), strict=True)
        )
        if count > _LARGEST or not contiguous:
            raise Refused(f"the tensor {name} doesn't lie in one piece")
        entry = self._entries.get(f"{self._root}data/{view.storage.key}")
        if entry is None:
            raise Refused(f"the bytes of the tensor {name} are missing")
        size = SIZES[view.storage.dtype]
        if view.first + count > view.storage.count or view.storage.count * size > entry.file_size:
            raise Refused(f"the tensor {name} has fewer bytes than it should")
        offset = self._begin(entry) + view.first * size
        return Stored(name, self._path, offset, view.storage.dtype, view.shape)

    def _begin(self, entry: zipfile.ZipInfo) -> int:
        """Where an entry's bytes begin, which its local header says: directory and header differ.

        Raises:
            Refused: It is compressed, or reaches over the end of the file.
        """
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise Refused(f"{entry.filename} is compressed")
        self._file.seek(entry.header_offset)
        header = self._file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile(f"{entry.filename} has no header")
        begin: int = entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
        if begin + entry.file_size > self._file.seek(0, io.SEEK_END):
            raise zipfile.BadZipFile(f"it ends within {entry.filename}")
        return begin

    def _order(self) -> str:
        entry = self._entries.get(f"{self._root}byteorder")
        if entry is None or entry.file_size > 16:
            return "little"
        self._file.seek(self._begin(entry))
        return self._file.read(entry.file_size).decode("ascii", "replace").strip()
