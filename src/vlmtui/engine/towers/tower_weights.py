"""A vision tower's weights, read from its mmproj file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlmtui.errors import BadModelFile, reason

_NEEDED: Any = object()

Floats = NDArray[np.float32]


class TowerWeights:
    """An mmproj file: its metadata, and its tensors one at a time.

    Attributes:
        projector: The kind of projector, as libmtmd names it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; the weights stay on disk.

        Raises:
            BadModelFile: It is no mmproj file.
        """
        from gguf import GGUFReader

        self._path = path
        try:
            self._reader = GGUFReader(path)
        except Exception as error:  # of any kind, on a damaged file
            raise BadModelFile(
                f"{path} can't be read: {reason(error)}", "Download it again."
            ) from error
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self.projector = str(self.meta("clip.projector_type", ""))

    def meta(self, key: str, default: Any = _NEEDED) -> Any:
        """A value of the metadata.

        Raises:
            BadModelFile: There is none, and no default.
        """
        field = self._reader.get_field(key)
        if field is not None:
            return field.contents()
        if default is _NEEDED:
            raise BadModelFile(f"{self._path} has no {key}", "Choose another mmproj file.")
        return default

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def tensor(self, name: str) -> Floats:
        """A tensor in the order of its axes in PyTorch: [out, in] for a matrix.

        Raises:
            BadModelFile: There is none of this name.
        """
        from gguf import dequantize

        if name not in self._tensors:
            raise BadModelFile(f"{self._path} has no {name}", "Choose another mmproj file.")
        found = self._tensors[name]
        values = dequantize(found.data, found.tensor_type)
        shape = tuple(int(length) for length in reversed(found.shape))
        return np.ascontiguousarray(values, np.float32).reshape(shape)
