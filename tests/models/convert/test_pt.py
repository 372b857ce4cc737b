"""PyTorch's files without PyTorch: tensors are read, and nothing else ever is."""

from __future__ import annotations

import io
import pickle
import random
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest

from tests.models.convert import pickled
from vlmtui.errors import BadModelFile
from vlmtui.models.convert import pt

TENSORS = {
    "model.a.weight": np.arange(24, dtype=np.float16).reshape(4, 6),
    "model.a.qweight": np.arange(-8, 8, dtype=np.int16).reshape(2, 8),
    "model.b.qzeros": np.arange(6, dtype=np.int32).reshape(3, 2),
    "model.norm": np.linspace(0, 1, 5, dtype=np.float32),
}
_ROUNDS = 1000


def test_tensors_are_read(tmp_path: Path) -> None:
    found = pt.read(pickled.save(tmp_path / "a.pt", TENSORS))
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(found[name].read(), tensor)
    np.testing.assert_array_equal(
        found["model.a.weight"].read(1, 2), TENSORS["model.a.weight"][1:3]
    )


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (__import__("os").system, ("touch /tmp/vlmtui-was-unpickled",))


@pytest.mark.parametrize(
    "program",
    [
        pickle.dumps({"a": _Evil()}, protocol=2),
        pickle.dumps({"a": _Evil()}, protocol=4),
        b"\x80\x02cbuiltins\neval\n(X\x05\x00\x00\x001 + 1tR.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NNNNtR.",
        b"\x80\x02(X\x07\x00\x00\x00storageX\x01\x00\x00\x000tQ.",
        b"\x80\x02}.",
        b"\x80\x02N.",
        b"",
    ],
)
def test_anything_else_is_refused(program: bytes, tmp_path: Path) -> None:
    path = pickled.save(tmp_path / "a.pt", TENSORS, pickle=program)
    with pytest.raises(BadModelFile, match=r"a\.pt"):
        pt.read(path)
    assert not Path("/tmp/vlmtui-was-unpickled").exists()


@pytest.mark.parametrize("step", [b"(u", b"K\x01Ns"], ids=["marks", "items"])
def test_a_deep_stack_makes_no_step_slow(step: bytes, tmp_path: Path) -> None:
    """Looking through all of the stack at each step would take hours."""
    program = b"\x80\x02" + b"N" * 60_000 + b"}" + step * 300_000 + b"."
    path = pickled.save(tmp_path / "a.pt", TENSORS, pickle=program)
    with pytest.raises(BadModelFile, match="no tensor in it"):
        pt.read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(BadModelFile, match="not a PyTorch file"):
        pt.read(path)
    with pytest.raises(BadModelFile, match="compressed"):
        pt.read(pickled.save(path, TENSORS, compress=b""))
    with pytest.raises(BadModelFile, match="big-endian"):
        pt.read(pickled.save(path, TENSORS, byteorder=b"big"))
    whole = pickled.save(path, TENSORS).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadModelFile):
        pt.read(path)
    with pytest.raises(BadModelFile, match="can't be read"):
        pt.read(tmp_path / "nowhere.pt")


def test_a_tensor_that_lies_in_pieces_or_outside_is_refused(tmp_path: Path) -> None:
    program = pickled.program(TENSORS)
    six, one = b"J\x06\x00\x00\x00", b"J\x01\x00\x00\x00"
    turned = program.replace(b"(" + six + one + b"t", b"(" + one + six + b"t", 1)
    assert turned != program
    with pytest.raises(BadModelFile, match=r"model\.a\.weight doesn't lie in one piece"):
        pt.read(pickled.save(tmp_path / "a.pt", TENSORS, pickle=turned))
    large = program.replace(b"J\x18\x00\x00\x00tQ", b"J\x18\x18\x00\x00tQ", 1)
    with pytest.raises(BadModelFile, match="fewer bytes"):
        pt.read(pickled.save(tmp_path / "a.pt", TENSORS, pickle=large))


def test_damaged_files_are_read_or_refused_in_little_memory() -> None:
    """In a process of its own, whose memory is bounded by what it may take."""
    command = [sys.executable, "-m", "tests.models.convert.damage", str(_ROUNDS), "7"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert told.returncode == 0, told.stderr[-2000:]
    read, refused, most = map(int, told.stdout.split())
    assert read + refused == _ROUNDS
    assert min(read, refused) > _ROUNDS // 20
    assert most < 50_000_000


def test_damage_is_drawn_from_a_seed() -> None:
    from tests.models.convert import damage

    first, again = (list(damage.mutations(5, random.Random(3))) for _ in range(2))
    assert first == again


def test_what_pythons_own_pickler_writes_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `torch.save` has it: names kept and named again, versions of modules, a Parameter."""
    for protocol in (2, 4):
        program = _pickled_by_python(TENSORS, protocol, monkeypatch)
        found = pt.read(pickled.save(tmp_path / "a.pt", TENSORS, pickle=program))
        assert found.keys() == TENSORS.keys()
        for name, tensor in TENSORS.items():
            np.testing.assert_array_equal(found[name].read(), tensor)


def _pickled_by_python(
    tensors: dict[str, np.ndarray], protocol: int, monkeypatch: pytest.MonkeyPatch
) -> bytes:
    """A state_dict pickled with stand-ins for PyTorch's modules."""
    torch, inner = ModuleType("torch"), ModuleType("torch._utils")

    def rebuild(*_: object) -> None:
        """Never called: pickling only names it."""

    kinds = {"f2": "HalfStorage", "f4": "FloatStorage", "i2": "ShortStorage", "i4": "IntStorage"}
    for kind in kinds.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        made = FunctionType(rebuild.__code__, {}, name)
        made.__module__, made.__qualname__ = "torch._utils", name
        setattr(inner, name, made)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", inner)

    class Storage:
        def __init__(self, number: int, tensor: np.ndarray) -> None:
            kind = getattr(torch, kinds[tensor.dtype.str[1:]])
            self.told = ("storage", kind, str(number), "cpu", tensor.size)

    class Tensor:
        def __init__(self, number: int, tensor: np.ndarray) -> None:
            self.storage, self.tensor = Storage(number, tensor), tensor

        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            strides = tuple(step // self.tensor.itemsize for step in self.tensor.strides)
            given = (self.storage, 0, self.tensor.shape, strides, False, OrderedDict())
            return inner._rebuild_tensor_v2, given

    class Parameter(Tensor):
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            plain = Tensor.__new__(Tensor)
            plain.__dict__ = self.__dict__
            return inner._rebuild_parameter, (plain, True, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: object) -> object:
            return value.told if isinstance(value, Storage) else None

    state: OrderedDict[str, object] = OrderedDict()
    for number, (name, tensor) in enumerate(tensors.items()):
        state[name] = (Parameter if number % 2 else Tensor)(number, tensor)
    state._metadata = OrderedDict({"": {"version": 1}})
    out = io.BytesIO()
    Pickler(out, protocol).dump(state)
    return out.getvalue()
