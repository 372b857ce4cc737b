"""Random tensors on their way into a GGUF file.

All in float32: a prompt read in one step and the same prompt read in several then differ by about
1e-7, too little to change which token is the most likely one.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from gguf import GGUFWriter


class Weights:
    """Draws the tensors of one file. The same name in the same file is the same tensor."""

    def __init__(self, path: Path, architecture: str, seed: str) -> None:
        self.file = GGUFWriter(path, architecture)
        self.file.add_name(seed)
        self._seed = seed

    def matrix(self, name: str, *shape: int, gain: float = 1.0) -> None:
        """A matrix that keeps the size of what it is multiplied with.

        Args:
            name: Of the tensor.
            shape: Rows first; all but the first are inputs.
            gain: Makes what comes out larger.
        """
        inputs = int(np.prod(shape[1:]))
        drawn = self._random(name).standard_normal(shape, np.float32)
        self.file.add_tensor(name, drawn * np.float32(gain / np.sqrt(inputs)))

    def table(self, name: str, rows: int, width: int, gain: float = 1.0) -> None:
        """Embeddings: vectors whose places are of size `gain`."""
        drawn = self._random(name).standard_normal((rows, width), np.float32)
        self.file.add_tensor(name, drawn * np.float32(gain))

    def output(self, name: str, rows: int, width: int, sayable: list[int]) -> None:
        """The matrix behind the logits; what is not sayable is never the most likely token."""
        values = np.zeros((rows, width), np.float32)
        drawn = self._random(name).standard_normal((len(sayable), width), np.float32)
        values[sayable] = drawn * np.float32(8 / np.sqrt(width))
        self.file.add_tensor(name, values)

    def vector(self, name: str, size: int, middle: float = 0.0) -> None:
        """Values of a norm (around 1) or of a bias (around 0)."""
        drawn = self._random(name).standard_normal(size, np.float32)
        self.file.add_tensor(name, drawn * np.float32(0.1) + np.float32(middle))

    def linear(self, name: str, rows: int, inputs: int) -> None:
        """A matrix with its bias."""
        self.matrix(f"{name}.weight", rows, inputs)
        self.vector(f"{name}.bias", rows)

    def norm(self, name: str, size: int) -> None:
        """A layer norm with its bias."""
        self.vector(f"{name}.weight", size, 1.0)
        self.vector(f"{name}.bias", size)

    def write(self) -> None:
        """Write the file."""
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()

    def _random(self, name: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{self._seed} {name}".encode()))
