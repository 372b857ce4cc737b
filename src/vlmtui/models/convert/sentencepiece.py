"""A SentencePiece vocabulary, from its protocol buffer, without its library.

The fields are those of `sentencepiece_model.proto`: 1 pieces (1 piece, 2 score, 3 type), 2 trainer
(3 model type; 40 to 43 numbers of special pieces), 3 normalizer (3 whether a space is put first).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from vlmtui.errors import BadModelFile, reason
from vlmtui.models.convert.tokens import NORMAL, Tokens

_BPE = 2
_SPECIAL = {40: ("unk", 0), 41: ("bos", 1), 42: ("eos", 2), 43: ("pad", -1)}
"""Fields of the trainer, and what they are when they aren't there."""

_LARGEST = 64_000_000
Field = tuple[int, int | bytes]


def read(path: Path) -> Tokens:
    """The vocabulary of a `tokenizer.model`.

    Raises:
        BadModelFile: It is damaged, or no BPE model: llama.cpp reads a text otherwise then.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        return _tokens(path, memoryview(path.read_bytes()))
    except OSError as error:
        raise BadModelFile(f"{path} can't be read: {reason(error)}", "Check the file.") from error
    except (ValueError, TypeError, LookupError, struct.error) as error:
        raise BadModelFile(
            f"{path} is not a SentencePiece model: {error}", "Copy or download it again."
        ) from error


def _tokens(path: Path, content: memoryview) -> Tokens:
    tokens = Tokens("llama", "default", add_bos=True, space_first=True)
    trainer: dict[int, int | bytes] = {}
    for field, value in _fields(content):
        if field == 1:
            piece = dict(_fields(_message(value)))
            (score,) = struct.unpack("<f", _message(piece.get(2, b"\0\0\0\0")))
            kind = piece.get(3, NORMAL)
            tokens.append(str(_message(piece[1]), "utf-8"), int(kind), score)
        elif field == 2:
            trainer = dict(_fields(_message(value)))
        elif field == 3:
            normalizer = dict(_fields(_message(value)))
            tokens.space_first = normalizer.get(3, 1) != 0
    if not tokens.texts:
        raise ValueError("there is no piece in it")
    if trainer.get(3, _BPE) != _BPE:
        raise BadModelFile(
            f"{path} is not a BPE model, as the tokenizers of Llama are",
            "vlmtui can't import a model with this tokenizer.",
        )
    for field, (name, default) in _SPECIAL.items():
        number = trainer.get(field, default)
        if isinstance(number, int) and 0 <= number < len(tokens.texts):
            tokens.special[name] = number
    return tokens


def _message(value: int | bytes | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a message should")
    return memoryview(value)


def _fields(content: memoryview) -> Iterator[Field]:
    """Numbers and values of a message's fields; fixed and delimited ones as their bytes."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        wire = tag & 7
        if wire == 0:
            number, at = _varint(content, at)
            yield tag >> 3, number
            continue
        if wire == 2:
            size, at = _varint(content, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"it has a field of the unknown kind {wire}")
        if at + size > len(content):
            raise ValueError("it is cut off")
        yield tag >> 3, bytes(content[at : at + size])
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number in it has no end")
