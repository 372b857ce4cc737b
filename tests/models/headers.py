"""GGUF headers written by hand, right ones and wrong ones."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

U32, STRING, ARRAY, BOOL, U64 = 4, 8, 9, 7, 10

F32, F16, Q8_0 = 0, 1, 8
_BYTES = {F32: (1, 4), F16: (1, 2), Q8_0: (32, 34)}

Pair = tuple[str, int, bytes]
Tensor = tuple[str, tuple[int, ...], int]


def string(text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(content)) + content


def u32(key: str, value: int) -> Pair:
    return key, U32, struct.pack("<I", value)


def text(key: str, value: str) -> Pair:
    return key, STRING, string(value)


def boolean(key: str, value: bool) -> Pair:
    return key, BOOL, struct.pack("<?", value)


def strings(key: str, values: Sequence[str]) -> Pair:
    head = struct.pack("<IQ", STRING, len(values))
    return key, ARRAY, head + b"".join(map(string, values))


def gguf(
    pairs: Iterable[Pair] = (),
    tensors: Sequence[Tensor] = (),
    *,
    version: int = 3,
    alignment: int = 32,
    data: bool = True,
) -> bytes:
    """A file: header, tensors of zeros."""
    pairs = list(pairs)
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, kind, content in pairs:
        out += string(key) + struct.pack("<I", kind) + content
    offset = 0
    for name, shape, kind in tensors:
        out += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        out += struct.pack("<IQ", kind, offset)
        elements, size = _BYTES[kind]
        count = 1
        for side in shape:
            count *= side
        offset += -(-(count // elements * size) // alignment) * alignment
    out += b"\0" * (-len(out) % alignment)
    return out + b"\0" * offset if data else out


def model(
    *extra: Pair, architecture: str = "llama", width: int = 64, layers: int = 2, **how: bool
) -> bytes:
    """A language model, as far as a header goes."""
    pairs = [
        text("general.architecture", architecture),
        u32(f"{architecture}.embedding_length", width),
        u32(f"{architecture}.block_count", layers),
        strings("tokenizer.ggml.tokens", [f"token {number}" for number in range(100)]),
        *extra,
    ]
    tensors: list[Tensor] = [("token_embd.weight", (width, 100), Q8_0)]
    for layer in range(layers):
        tensors.append((f"blk.{layer}.attn_q.weight", (width, width), Q8_0))
        tensors.append((f"blk.{layer}.attn_norm.weight", (width,), F32))
    tensors.append(("output.weight", (width, 100), F16))
    return gguf(pairs, tensors, **how)


def tower(*extra: Pair, projector: str = "mlp", width: int = 64) -> bytes:
    """A vision tower with a LLaVA projector."""
    pairs = [
        text("general.architecture", "clip"),
        boolean("clip.has_vision_encoder", True),
        text("clip.projector_type", projector),
        *extra,
    ]
    return gguf(pairs, [("mm.2.weight", (96, width), F16), ("mm.2.bias", (width,), F32)])


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
