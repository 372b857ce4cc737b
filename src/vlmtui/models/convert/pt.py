"""Tensors of PyTorch's `.pt` and `.bin` files, without PyTorch and without unpickling.

Such a file is a zip of a pickle and of the tensors' bytes. A pickle is a program; unpickling runs
it, and it may do anything. Here `pickletools` only parses it, and a small machine knows the
instructions that a dictionary of tensors is made of. Everything else is refused.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from vlmtui.errors import BadModelFile
from vlmtui.models.convert.stored import SIZES, Stored

_LARGEST_PICKLE = 16_000_000
"""Bytes. A model of a thousand tensors has 0.2 MB of them."""

_DEEPEST = 65_536
"""Values on the machine's stack; PyTorch writes a dictionary a thousand entries at a time."""

_MOST_KEPT = 1_000_000
_MOST_DIMENSIONS = 8
_LARGEST = 2**62

_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
_MARK = object()
_WRAPPERS = ("state_dict", "model", "module")
"""Names under which trainers put a model's tensors."""


class _Global(msgspec.Struct, frozen=True):
    """A function or class that the pickle names. Never looked up."""

    name: str


class _Storage(msgspec.Struct, frozen=True):
    dtype: str
    key: str
    count: int


class _View(msgspec.Struct, frozen=True):
    storage: _Storage
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Refused(Exception):
    """The pickle does something else than to list tensors."""


def read(path: Path) -> dict[str, Stored]:
    """The tensors of a file, by name.

    Raises:
        BadModelFile: It is damaged, of before PyTorch 1.6, or holds anything but tensors.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return _Archive(path, file, archive).tensors()
    except _Refused as error:
        raise BadModelFile(
            f"{path} is not a plain list of tensors: {error}",
            "It is not opened, as such a file can run programs. Take the checkpoint in "
            "safetensors, or save its state_dict() alone with torch.save.",
        ) from None
    except zipfile.BadZipFile as error:
        raise BadModelFile(
            f"{path} is not a PyTorch file of version 1.6 or newer: {error}",
            "Was it copied completely? An older file has to be saved anew with torch.save.",
        ) from None
    except OSError as error:
        raise BadModelFile(f"{path} can't be read: {error}", "Check the file.") from error
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
            raise _Refused("there is no data.pkl in it")
        self._pickle = pickles[0]
        self._root = self._pickle.removesuffix("data.pkl")

    def tensors(self) -> dict[str, Stored]:
        entry = self._entries[self._pickle]
        if entry.file_size > _LARGEST_PICKLE:
            raise _Refused(f"its data.pkl has {entry.file_size:,} bytes")
        self._file.seek(self._begin(entry))
        content = _Machine().run(self._file.read(entry.file_size))
        for wrapper in _WRAPPERS:
            if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
                content = content[wrapper]
        if not isinstance(content, dict):
            raise _Refused("it is not a dictionary")
        if self._order() != "little":
            raise _Refused("its numbers are big-endian")
        views = {name: view for name, view in content.items() if isinstance(view, _View)}
        if not views:
            raise _Refused("there is no tensor in it")
        return {str(name): self._stored(str(name), view) for name, view in views.items()}

    def _stored(self, name: str, view: _View) -> Stored:
        count, wanted = 1, []
        for length in reversed(view.shape):
            wanted.append(count)
            count *= length
        contiguous = all(
            length == 1 or stride == step
            for length, stride, step in zip(view.shape, view.strides, reversed(wanted), strict=True)
        )
        if count > _LARGEST or not contiguous:
            raise _Refused(f"the tensor {name} doesn't lie in one piece")
        entry = self._entries.get(f"{self._root}data/{view.storage.key}")
        if entry is None:
            raise _Refused(f"the bytes of the tensor {name} are missing")
        size = SIZES[view.storage.dtype]
        if view.first + count > view.storage.count or view.storage.count * size > entry.file_size:
            raise _Refused(f"the tensor {name} has fewer bytes than it should")
        offset = self._begin(entry) + view.first * size
        return Stored(name, self._path, offset, view.storage.dtype, view.shape)

    def _begin(self, entry: zipfile.ZipInfo) -> int:
        """Where an entry's bytes begin, which its local header says: directory and header differ.

        Raises:
            _Refused: It is compressed, or reaches over the end of the file.
        """
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise _Refused(f"{entry.filename} is compressed")
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


class _Machine:
    """Runs a pickle as far as it builds dictionaries, lists, tuples, numbers, texts and tensors."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        for code, argument, _ in pickletools.genops(program):
            name = code.name
            if name == "STOP":
                return self._stack.pop()
            act = getattr(self, f"_do_{name.lower()}", None)
            if act is not None:
                act(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in _LITERALS:
                self._stack.append(argument)
            else:
                raise _Refused(f"it has the instruction {name}")
            if len(self._stack) > _DEEPEST or len(self._memo) > _MOST_KEPT:
                raise _Refused("it builds too much")
        raise _Refused("it has no end")

    def _above_mark(self) -> list[Any]:
        values = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _do_proto(self, _: Any) -> None:
        pass

    _do_frame = _do_proto

    def _do_mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _do_empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def _do_empty_list(self, _: Any) -> None:
        self._stack.append([])

    def _do_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._above_mark()))

    def _do_tuple1(self, _: Any) -> None:
        self._stack[-1:] = [tuple(self._stack[-1:])]

    def _do_tuple2(self, _: Any) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _do_tuple3(self, _: Any) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _do_binput(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def _do_memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _do_binget(self, place: int) -> None:
        self._stack.append(self._memo[place])

    _do_long_binput, _do_long_binget = _do_binput, _do_binget

    def _do_global(self, name: str) -> None:
        self._stack.append(_Global(name.replace(" ", ".")))

    def _do_stack_global(self, _: Any) -> None:
        module, name = self._stack[-2:]
        self._stack[-2:] = [_Global(f"{module}.{name}")]

    def _do_setitem(self, _: Any) -> None:
        target, key, value = self._stack[-3:]
        self._fill(target, [key, value])
        del self._stack[-2:]

    def _do_setitems(self, _: Any) -> None:
        values = self._above_mark()
        self._fill(self._stack[-1], values)

    def _fill(self, target: Any, values: list[Any]) -> None:
        if not isinstance(target, dict) or len(values) % 2:
            raise _Refused("it sets items of what is not a dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int):
                raise _Refused("a dictionary has a key that is not text")
            target[key] = value

    def _do_append(self, _: Any) -> None:
        value = self._stack.pop()
        self._extend([value])

    def _do_appends(self, _: Any) -> None:
        self._extend(self._above_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise _Refused("it appends to what is not a list")
        target.extend(values)

    def _do_build(self, _: Any) -> None:
        # a module's state_dict carries versions of its parts, in attributes
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise _Refused("it sets attributes")

    def _do_binpersid(self, _: Any) -> None:
        given = self._stack.pop()
        if not isinstance(given, tuple) or len(given) != 5 or given[0] != "storage":
            raise _Refused("it names something outside of it")
        _, kind, key, _, count = given
        dtype = _STORAGES.get(kind.name.removeprefix("torch.")) if type(kind) is _Global else None
        if dtype is None or not isinstance(key, str) or not _is_count(count):
            raise _Refused("it has a storage of an unknown kind")
        self._stack.append(_Storage(dtype, key, count))

    def _do_reduce(self, _: Any) -> None:
        given = self._stack.pop()
        called = self._stack.pop()
        name = called.name if isinstance(called, _Global) else str(type(called).__name__)
        if name == "collections.OrderedDict" and given == ():
            self._stack.append({})
        elif name == "torch._utils._rebuild_tensor_v2" and isinstance(given, tuple):
            self._stack.append(_view(given))
        elif name == "torch._utils._rebuild_parameter" and isinstance(given[0], _View):
            self._stack.append(given[0])
        else:
            raise _Refused(f"it calls {name[:100]}")


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = frozenset(
    ["BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"]
)


def _view(given: tuple[Any, ...]) -> _View:
    storage, first, shape, strides = given[:4]
    sound = (
        isinstance(storage, _Storage)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and len(shape) == len(strides) <= _MOST_DIMENSIONS
        and all(map(_is_count, (first, *shape, *strides)))
    )
    if not sound:
        raise _Refused("it has a tensor of an impossible shape")
    return _View(storage, first, shape, strides)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST
