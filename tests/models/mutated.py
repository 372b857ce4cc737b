"""Reads thousands of damaged headers in little memory; run as a program of its own.

Prints the largest use of memory in bytes.
"""

from __future__ import annotations

import random
import struct
import sys
import tracemalloc
from collections.abc import Iterator

from tests.models import headers
from vlmtui.errors import BadModelFile
from vlmtui.models.gguf import Header, pairing, read

_TELLING = (0, 1, 7, 31, 63, 64, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)


class Memory:
    """Bytes as a source; a size may be claimed that isn't there, as a server may."""

    name = "m.gguf"

    def __init__(self, content: bytes, size: int | None) -> None:
        self._content = content
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]


def mutations(count: int, seed: int) -> Iterator[tuple[bytes, int | None]]:
    random_ = random.Random(seed)
    heads = struct.pack("<IQ64I", headers.U32, 64, *range(64))
    originals = [
        headers.model(("llama.heads", headers.ARRAY, heads)),
        headers.model(architecture="qwen3vl"),
        headers.tower(),
        headers.gguf([headers.u32("split.count", 3)], [("a", (32,), headers.F32)]),
    ]
    for _ in range(count):
        content = bytearray(random_.choice(originals))
        header_end = min(len(content), 3000)
        for _ in range(random_.choice((1, 1, 1, 2, 3, 8))):
            at = random_.randrange(header_end)
            kind = random_.randrange(6)
            if kind == 0:
                content[at : at + 1] = bytes([random_.randrange(256)])
            elif kind == 1:
                content[at : at + 8] = struct.pack("<Q", random_.choice(_TELLING))
            elif kind == 2:
                content[at : at + 4] = struct.pack("<I", random_.choice(_TELLING) & 0xFFFFFFFF)
            elif kind == 3:
                del content[at : at + random_.randrange(1, 40)]
            elif kind == 4:
                del content[max(at, 1) :]
            else:
                content[at:at] = content[: random_.randrange(1, 200)]
            header_end = max(1, min(header_end, len(content)))
        size = random_.choice((len(content), len(content), None, 2**40))
        yield bytes(content), size


def main(count: int, seed: int) -> None:
    good: Header | None = None
    tracemalloc.start()
    for content, size in mutations(count, seed):
        try:
            header = read(Memory(content, size))
            assert header.weights >= 0 and header.layers is not None
            pairing.check(header, good)
            good = header if header.architecture == "clip" else good
        except BadModelFile as error:
            assert error.message and len(error.message) < 70_000
    print(tracemalloc.get_traced_memory()[1])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
