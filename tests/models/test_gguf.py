from __future__ import annotations

import ctypes
import importlib.util
import struct
from pathlib import Path

import pytest

from tests.models import headers
from tests.models.headers import F16, F32, Q8_0, STRING, U32, string, text, u32, write
from vlmtui import demo
from vlmtui.errors import BadModelFile
from vlmtui.models import gguf
from vlmtui.models.gguf.architectures import LLAMA_CPP, PROJECTORS, SUPPORTED
from vlmtui.models.gguf.header import Array
from vlmtui.models.gguf.quants import QUANTS


def read(tmp_path: Path, content: bytes) -> gguf.Header:
    return gguf.from_path(write(tmp_path / "m.gguf", content))


def refusal(tmp_path: Path, content: bytes) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        read(tmp_path, content)
    assert caught.value.hint
    assert str(tmp_path / "m.gguf") in caught.value.message
    return caught.value


# ------------------------------------------------------------------------------------ what is read


def test_a_header_tells_what_a_model_is_made_of(tmp_path: Path) -> None:
    header = read(tmp_path, headers.model(text("general.name", "Tiny")))
    assert (header.version, header.architecture, header.text("general.name")) == (
        3,
        "llama",
        "Tiny",
    )
    assert header.number("llama.embedding_length", 0) == 64
    assert header.length("tokenizer.ggml.tokens") == 100
    layer = 64 * 64 // 32 * 34 + 64 * 4
    assert header.layers == (layer, layer)
    assert (header.embeddings, header.output) == (6400 // 32 * 34, 6400 * 2)
    assert header.weights == 2 * layer + header.embeddings + header.output
    assert header.by_name["output.weight"].quant == "F16"
    assert header.file_size == (tmp_path / "m.gguf").stat().st_size


def test_the_demo_model_adds_up_to_its_file() -> None:
    path = demo.model_path()
    header = gguf.from_path(path)
    last = max(header.tensors, key=lambda tensor: tensor.offset)
    assert last.offset + last.size <= header.file_size == path.stat().st_size
    assert sum(header.layers) + header.embeddings + header.output == header.weights


def test_a_vocabulary_is_counted_and_not_kept(tmp_path: Path) -> None:
    header = read(tmp_path, headers.gguf([headers.strings("tokens", ["x" * 50] * 150_000)]))
    assert header.metadata["tokens"] == Array(150_000)


def test_per_layer_numbers_are_kept(tmp_path: Path) -> None:
    heads = struct.pack("<IQ3I", U32, 3, 0, 8, 0)
    header = read(tmp_path, headers.gguf([("heads", headers.ARRAY, heads)]))
    assert header.metadata["heads"] == (0, 8, 0)


def test_the_parts_of_a_split_model_are_read_as_one(tmp_path: Path) -> None:
    def part(number: int) -> bytes:
        pairs = [u32("split.no", number), u32("split.count", 2)]
        return headers.gguf(pairs, [(f"blk.{number}.w", (64,), F32)])

    first = write(tmp_path / "m-00001-of-00002.gguf", part(0))
    second = write(tmp_path / "m-00002-of-00002.gguf", part(1))
    header = gguf.from_path(first)
    assert header.layers == (256, 256)
    assert header.file_size == first.stat().st_size + second.stat().st_size
    with pytest.raises(BadModelFile, match="part 2 of a model in 2 parts"):
        gguf.from_path(second)
    second.unlink()
    with pytest.raises(BadModelFile, match=r"m-00002-of-00002\.gguf can't be read"):
        gguf.from_path(first)


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html><title>Log in", "a web page"),
        (b"\n <HTML><head>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        (b"\x40\1\0\0\0\0\0\0" + b'{"__metadata__":{"format":"pt"}}', "a safetensors file"),
        (b"PK\x03\x04\0\0archive/data.pkl", "a zip archive, as PyTorch"),
        (b"\x80\x02}q\0X\x05\0", "a Python pickle"),
        (b"lmgg\0\0\0\0", "the old GGML format"),
        (b"tjgg\3\0\0\0", "the old GGJT format"),
        (b'{"error":"Repository not found"}', "JSON text"),
        (b"\0" * 4096, "nothing but zeros"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"hello", r"begins with 'hell'"),
    ],
)
def test_what_is_no_gguf_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    message = refusal(tmp_path, content).message
    assert "is not a GGUF file" in message
    assert words in message
    with pytest.raises(BadModelFile, match="is not a GGUF file"):
        gguf.sniff(tmp_path / "m.gguf")


def test_a_cut_off_file_says_how_much_is_missing(tmp_path: Path) -> None:
    whole = headers.model()
    error = refusal(tmp_path, whole[:-2000])
    assert "is cut off: 2,000 of" in error.message
    assert "5 of 6 tensors are there" in error.message


@pytest.mark.parametrize("kept", [6, 10, 40, 150, 600, 2000])
def test_a_file_cut_in_its_header_says_where(tmp_path: Path, kept: int) -> None:
    assert "ends in the middle of its header" in refusal(tmp_path, headers.model()[:kept]).message


@pytest.mark.parametrize(("version", "words"), [(4, "n 4"), (1, "n 1"), (3 << 24, "big")])
def test_other_versions_are_refused(tmp_path: Path, version: int, words: str) -> None:
    assert words in refusal(tmp_path, headers.gguf(version=version)).message


def counts(tensors: int, pairs: int, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs) + rest


def one_pair(kind: int, content: bytes) -> bytes:
    return counts(0, 1, string("key") + struct.pack("<I", kind) + content + bytes(64))


HUGE = 2**63


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (counts(HUGE, 0), "9,223,372,036,854,775,808 tensors"),
        (counts(0, HUGE), "metadata entries"),
        (counts(0, 1, struct.pack("<Q", HUGE)), "a name of"),
        (one_pair(STRING, struct.pack("<Q", HUGE)), "impossible header"),
        (one_pair(9, struct.pack("<IQ", U32, HUGE)), "impossible header"),
        (one_pair(STRING, struct.pack("<Q", 100_000)), "cut off"),
        (one_pair(9, struct.pack("<IQ", STRING, HUGE)), "strings"),
        (one_pair(9, struct.pack("<IQ", 9, 1)), "array of the unknown type 9"),
        (one_pair(77, b""), "unknown type 77"),
        (headers.gguf([u32("general.alignment", 12)]), "power of two"),
        (headers.gguf([u32("general.alignment", 0)]), "power of two"),
        (headers.gguf([u32("a", 1), u32("a", 2)]), "'a' is in it twice"),
        (headers.gguf([], [("t", (32,), F32)] * 2), "'t' is in it twice"),
        (headers.gguf([], [("t", (31,), Q8_0)]), "not a multiple of 32"),
        (headers.gguf([], [("t" * 64, (32,), F32)]), "a name of 64 bytes"),
        (headers.gguf([], [("t", (1, 1, 1, 1, 1), F32)]), "5 dimensions"),
        (headers.gguf([], [("t", (2**40, 2**40), F16)], data=False), "impossible shape"),
        (headers.gguf([], [("t", (2**62,), F32)], data=False), "larger than any file"),
        (
            counts(1, 0, string("t") + struct.pack("<IQIQ", 1, 32, 31, 0)),
            "of the type 31",
        ),
        (
            counts(1, 0, string("t") + struct.pack("<IQIQ", 1, 32, 0, 8)),
            "doesn't begin where",
        ),
    ],
)
def test_an_absurd_header_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path, content).message


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    """A sparse file: nothing is cut off, and yet no header is a terabyte long."""
    path = write(tmp_path / "m.gguf", one_pair(9, struct.pack("<IQ", U32, 2**37)))
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(BadModelFile, match="would end"):
        gguf.from_path(path)


def test_a_directory_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="Is a directory"):
        gguf.from_path(tmp_path)
    with pytest.raises(BadModelFile, match="No such file"):
        gguf.from_path(tmp_path / "none.gguf")


# ------------------------------------------------------------------------------ against llama.cpp


def library(name: str) -> Path:
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "lib" / name


def test_types_and_their_sizes_are_those_of_ggml() -> None:
    ggml = ctypes.CDLL(str(library("libggml-base.so")))
    ggml.ggml_type_size.restype = ctypes.c_size_t
    ggml.ggml_blck_size.restype = ctypes.c_int64
    ggml.ggml_type_name.restype = ctypes.c_char_p
    for number in range(43):
        if number in QUANTS:
            quant = QUANTS[number]
            assert ggml.ggml_type_name(number).decode().upper() == quant.name
            assert ggml.ggml_blck_size(number) == quant.elements
            assert ggml.ggml_type_size(number) == quant.size
        else:
            assert ggml.ggml_blck_size(number) == 0


def test_architectures_and_projectors_are_those_of_the_installed_llama_cpp() -> None:
    from importlib.metadata import version

    assert version("llama_cpp_python") == LLAMA_CPP, "read the list of architectures anew"
    content = library("libllama.so").read_bytes()
    # a name that another one ends with shares its place
    assert [name for name in SUPPORTED if name.encode() + b"\0" not in content] == []
    content = library("libmtmd.so").read_bytes()
    assert [name for name in PROJECTORS if name.encode() + b"\0" not in content] == []
