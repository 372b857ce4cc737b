"""Reads thousands of damaged `.pt` files; run as a program of its own.

Prints how many were read, how many refused, and the most memory that was taken, in bytes. Ends with
a traceback when anything but a refusal is raised.
"""

from __future__ import annotations

import random
import struct
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.models.convert import pickled
from vlmtui.errors import BadModelFile
from vlmtui.models.convert import pt

_TELLING = (0, 1, 2, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)


def mutations(count: int, draw: random.Random) -> Iterator[bytes]:
    """Pickles, and whole files of some, with a few bytes changed, cut out, doubled or put in."""
    tensors = {f"model.layers.{at}.weight": np.ones((2, 4), np.float16) for at in range(3)}
    program = pickled.program(tensors)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pt"
        whole = pickled.save(path, tensors).read_bytes()
        for number in range(count):
            if number % 4:
                changed = _damaged(program, draw)
                yield pickled.save(path, tensors, pickle=changed).read_bytes()
            else:
                yield _damaged(whole, draw)


def _damaged(original: bytes, draw: random.Random) -> bytes:
    content = bytearray(original)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(max(1, len(content)))
        kind = draw.randrange(6)
        if kind == 0:
            content[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            content[at : at + 4] = struct.pack("<I", draw.choice(_TELLING))
        elif kind == 2:
            content[at : at + 1] = draw.choice(
                (b"(", b"R", b"t", b"u", b"}", b"q", b"h", b".", b"Q")
            )
        elif kind == 3:
            del content[at : at + draw.randrange(1, 40)]
        elif kind == 4:
            del content[max(at, 1) :]
        else:
            content[at:at] = content[at : at + draw.randrange(1, 200)]
    return bytes(content)


def main(count: int, seed: int) -> None:
    read = refused = most = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pt"
        for content in mutations(count, random.Random(seed)):
            path.write_bytes(content)
            tracemalloc.start()
            try:
                for tensor in pt.read(path).values():
                    assert tensor.offset + tensor.size <= len(content)
                read += 1
            except BadModelFile:
                refused += 1
            most = max(most, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    print(read, refused, most)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
