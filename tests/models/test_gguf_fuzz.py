"""Whatever a file holds: reading its header ends soon, in little memory, with words."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import headers
from tests.models.mutated import Memory
from vlmtui.errors import BadModelFile
from vlmtui.models.gguf import pairing, read

ROOM = 50 * 1024 * 1024
ADDRESS_SPACE = 400 * 1024 * 1024
"""For Python itself, and what it maps; a header that is believed asks for gigabytes."""

SEED = 7


def test_ten_thousand_damaged_headers_are_told_in_words_and_in_little_memory() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.models.mutated", "10000", str(SEED)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < ROOM


def attempt(content: bytes, size: int | None) -> None:
    try:
        header = read(Memory(content, size))
    except BadModelFile:
        return
    assert all(tensor.size >= 0 for tensor in header.tensors)
    try:
        pairing.check(header, header)
    except BadModelFile:
        return


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([None, 400, 2**50]))
def test_any_bytes_behind_the_magic(rest: bytes, size: int | None) -> None:
    attempt(b"GGUF" + struct.pack("<I", 3) + rest, size)


numbers = st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1))
pairs = st.lists(
    st.tuples(st.text(max_size=20), st.integers(0, 14), st.binary(max_size=40)), max_size=6
)


@settings(max_examples=300)
@given(pairs, numbers, numbers, st.binary(max_size=200))
def test_any_metadata_and_counts(
    given_pairs: list[tuple[str, int, bytes]], tensor_count: int, pair_count: int, rest: bytes
) -> None:
    content = headers.gguf(given_pairs)
    counts = struct.pack("<QQ", tensor_count, pair_count if pair_count > 5 else len(given_pairs))
    attempt(content[:8] + counts + content[24:] + rest, None)


@pytest.mark.parametrize("kind", [headers.STRING, headers.U32])
def test_the_longest_arrays_take_less_than_a_second_and_no_memory(kind: int) -> None:
    class Endless:
        name = "m.gguf"
        size = None
        read_bytes = 0

        def read(self, offset: int, size: int) -> bytes:
            self.read_bytes += size
            head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + headers.string("key")
            head += struct.pack("<IIQ", headers.ARRAY, kind, 4_000_000)
            return (
                (head + bytes(size))[offset : offset + size] if offset < len(head) else bytes(size)
            )

    source = Endless()
    header = read(source)
    assert header.length("key") == 4_000_000
    assert source.read_bytes < 40_000_000
