"""What a pickle builds, as far as that is dictionaries, lists, texts, numbers and tensors.

A pickle is a program; unpickling runs it, and it may do anything. Here `pickletools` only parses
it, and a small machine knows the instructions that a dictionary of tensors is made of. Everything
else is refused, and nothing that the pickle names is ever looked up.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

import msgspec

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


class _Global(msgspec.Struct, frozen=True):
    """A function or class that the pickle names. Never looked up."""

    name: str


class Storage(msgspec.Struct, frozen=True):
    """The numbers that tensors are views of."""

    dtype: str
    key: str
    count: int


class View(msgspec.Struct, frozen=True):
    """A tensor: a shape over a storage; offset and strides count numbers."""

    storage: Storage
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Refused(Exception):
    """The pickle does something else than to list tensors."""


def run(program: bytes) -> Any:
    """What a pickle builds.

    Raises:
        Refused: It does something else.
        Exception: Of any kind, where it is damaged.
    """
    return _Machine().run(program)


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
            elif name in _MADE:
                self._stack.append(_MADE[name]())
            elif name in _TUPLES:
                self._stack[-_TUPLES[name] :] = [tuple(self._stack[-_TUPLES[name] :])]
            elif name in _LITERALS:
                self._stack.append(argument)
            else:
                raise Refused(f"it has the instruction {name}")
            if len(self._stack) > _DEEPEST or len(self._memo) > _MOST_KEPT:
                raise Refused("it builds too much")
        raise Refused("it has no end")

    def _above_mark(self) -> list[Any]:
        values = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _do_proto(self, _: Any) -> None:
        pass

    _do_frame = _do_proto

    def _do_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._above_mark()))

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
            raise Refused("it sets items of what is not a dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int):
                raise Refused("a dictionary has a key that is not text")
            target[key] = value

    def _do_append(self, _: Any) -> None:
        value = self._stack.pop()
        self._extend([value])

    def _do_appends(self, _: Any) -> None:
        self._extend(self._above_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise Refused("it appends to what is not a list")
        target.extend(values)

    def _do_build(self, _: Any) -> None:
        # a module's state_dict carries versions of its parts, in attributes
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise Refused("it sets attributes")

    def _do_binpersid(self, _: Any) -> None:
        given = self._stack.pop()
        if not isinstance(given, tuple) or len(given) != 5 or given[0] != "storage":
            raise Refused("it names something outside of it")
        _, kind, key, _, count = given
        dtype = _STORAGES.get(kind.name.removeprefix("torch.")) if type(kind) is _Global else None
        if dtype is None or not isinstance(key, str) or not _is_count(count):
            raise Refused("it has a storage of an unknown kind")
        self._stack.append(Storage(dtype, key, count))

    def _do_reduce(self, _: Any) -> None:
        given = self._stack.pop()
        called = self._stack.pop()
        name = called.name if isinstance(called, _Global) else str(type(called).__name__)
        if name == "collections.OrderedDict" and given == ():
            self._stack.append({})
        elif name == "torch._utils._rebuild_tensor_v2" and isinstance(given, tuple):
            self._stack.append(_view(given))
        elif name == "torch._utils._rebuild_parameter" and isinstance(given[0], View):
            self._stack.append(given[0])
        else:
            raise Refused(f"it calls {name[:100]}")


_MADE: dict[str, Callable[[], Any]] = {
    "MARK": lambda: _MARK,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_LITERALS = frozenset(
    ["BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"]
)


def _view(given: tuple[Any, ...]) -> View:
    storage, first, shape, strides = given[:4]
    sound = (
        isinstance(storage, Storage)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and len(shape) == len(strides) <= _MOST_DIMENSIONS
        and all(map(_is_count, (first, *shape, *strides)))
    )
    if not sound:
        raise Refused("it has a tensor of an impossible shape")
    return View(storage, first, shape, strides)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST
