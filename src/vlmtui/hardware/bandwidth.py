"""How fast a machine can read its memory, and what that allows a model to reach.

Each decoded token reads all weights once, so memory bandwidth bounds decoding: tokens/s <= bytes/s
divided by bytes a token. The bandwidth comes from a table of boards, or from a
measurement on the processor (`measure`, kept by `doctor --bandwidth`).
"""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from pathlib import Path
from typing import Literal

import msgspec

from vlmtui import paths
from vlmtui.errors import StorageError

Origin = Literal["table", "measured"]
"""table: the maker's figure for the board; measured: by `measure`."""

_BOARDS = (
    # the first that matches; a Super is an Orin Nano in a power mode that clocks the memory higher
    (r"orin nano.*super", 102.4),
    (r"orin nano", 68.0),
    (r"orin nx", 102.4),
    (r"agx orin", 204.8),
    (r"thor", 273.0),
    (r"agx.xavier", 136.5),
    (r"xavier nx", 59.7),
    (r"tx2", 59.7),
    (r"jetson nano", 25.6),
)
"""Memory bandwidth in GB/s by a pattern of the board's name, from NVIDIA's data sheets."""


class Bandwidth(msgspec.Struct, frozen=True):
    """A machine's memory bandwidth."""

    bytes_per_s: float
    origin: Origin


def of_board(name: str | None, power_mode: str | None = None) -> Bandwidth | None:
    """The bandwidth of a board by its name; None for a board that isn't in the table.

    Args:
        name: As the board's device tree has it.
        power_mode: As the board names it: "MAXN_SUPER" makes an Orin Nano a Super.
    """
    if not name:
        return None
    full = f"{name} {power_mode or ''}".lower().replace("_", " ")
    for pattern, gigabytes in _BOARDS:
        if re.search(pattern, full):
            return Bandwidth(gigabytes * 1e9, "table")
    return None


def known(board: str | None, power_mode: str | None = None) -> Bandwidth | None:
    """The best figure there is: the board's from the table, or what was once measured."""
    return of_board(board, power_mode) or kept()


def kept() -> Bandwidth | None:
    """What `keep` wrote; None where nothing was measured, or on another machine."""
    try:
        found = msgspec.json.decode(_file().read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, StorageError):
        return None
    return found.bandwidth if found.machine == _machine() else None


def keep(bandwidth: Bandwidth) -> None:
    """Remember a measurement for this machine.

    Raises:
        StorageError: It can't be written.
    """
    path = _file()
    try:
        path.write_bytes(msgspec.json.encode(_Kept(_machine(), bandwidth)))
    except OSError as error:
        raise StorageError(
            f"The bandwidth can't be kept in {path}: {error.strerror}", "Make it writable"
        ) from error


class _Kept(msgspec.Struct):
    machine: str
    bandwidth: Bandwidth


def _file() -> Path:
    return paths.state_dir() / "bandwidth.json"


def _machine() -> str:
    """Tells machines apart that share a home directory."""
    return f"{platform.node()} {platform.machine()} {os.cpu_count()}"


def share(tokens_per_s: float, bytes_per_token: int, bandwidth: Bandwidth) -> float:
    """Share of the limit that a decoding speed reaches, 0 to 1; a little more where caches help.

    Args:
        tokens_per_s: Measured speed of decoding.
        bytes_per_token: What each token reads: the weights, in bytes.
        bandwidth: Of the memory that holds the weights.
    """
    return tokens_per_s * bytes_per_token / bandwidth.bytes_per_s


def measure(seconds: float = 1.0, size: int = 64 * 1024 * 1024) -> Bandwidth:
    """Measure how fast all usable cores together read main memory.

    Each core compares two buffers of its own, which are larger than its caches, with libc's memcmp:
    it reads and writes nothing, and without Python's lock. The best of several rounds counts, since
    whatever else runs only takes away.

    Args:
        seconds: About how long.
        size: Of each buffer, in bytes; two a core are taken.

    Raises:
        MemoryError: There is no room for the buffers.
    """
    import ctypes  # the chat reads only the table, and doesn't wait for this

    compare = ctypes.CDLL(None).memcmp
    compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    cores = len(os.sched_getaffinity(0))
    buffers = [
        (ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)) for _ in range(cores)
    ]
    for one, other in buffers:  # touch the pages: those never written are all the same page
        ctypes.memset(one, 1, size)
        ctypes.memset(other, 1, size)
    best = 0.0
    end = time.monotonic() + seconds
    while best == 0.0 or time.monotonic() < end:
        threads = [
            threading.Thread(target=compare, args=(one, other, size)) for one, other in buffers
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        best = max(best, 2 * size * cores / (time.monotonic() - began))
    return Bandwidth(best, "measured")
