"""PyTorch's `.pt` files, written without PyTorch: the pickle that `torch.save` makes."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_STORAGES = {"f2": "HalfStorage", "f4": "FloatStorage", "i2": "ShortStorage", "i4": "IntStorage"}


def save(path: Path, tensors: Mapping[str, NDArray[np.generic]], **changes: bytes) -> Path:
    """Write a state_dict.

    Args:
        path: Where to.
        tensors: By name.
        changes: "pickle" in place of what the tensors give; "compress" anything for a zip that is.
    """
    kind = zipfile.ZIP_DEFLATED if "compress" in changes else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("archive/data.pkl", changes.get("pickle", program(tensors)))
        archive.writestr("archive/byteorder", changes.get("byteorder", b"little"))
        for number, tensor in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{number}", np.ascontiguousarray(tensor).tobytes())
        archive.writestr("archive/version", b"3\n")
    return path


def program(tensors: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The pickle: an OrderedDict with versions of its parts, in protocol 2."""
    out = io.BytesIO()
    out.write(b"\x80\x02" + b"ccollections\nOrderedDict\n" + b"q\x00)Rq\x01(")
    for number, (name, tensor) in enumerate(tensors.items()):
        out.write(_text(name))
        out.write(b"ctorch._utils\n_rebuild_tensor_v2\n((")
        storage = _STORAGES[tensor.dtype.str[1:]]
        out.write(_text("storage") + f"ctorch\n{storage}\n".encode())
        out.write(_text(str(number)) + _text("cpu") + _number(tensor.size) + b"tQ")
        strides = [int(np.prod(tensor.shape[at + 1 :])) for at in range(tensor.ndim)]
        out.write(_number(0) + _numbers(tensor.shape) + _numbers(strides))
        out.write(b"\x89ccollections\nOrderedDict\n)RtR")
    out.write(b"u}" + _text("_metadata") + b"ccollections\nOrderedDict\n)Rsb.")
    return out.getvalue()


def _text(text: str) -> bytes:
    content = text.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _numbers(values: object) -> bytes:
    return b"(" + b"".join(_number(int(value)) for value in values) + b"t"
