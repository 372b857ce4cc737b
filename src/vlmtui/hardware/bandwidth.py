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

from vlmtui import kept, paths
from vlmtui.errors import StorageError
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.sysroot import bytes_in, text

Origin = Literal["table", "measured"]
"""table: the maker's value for the board; measured: by `measure`."""

_BOARDS = (
    # the first that matches; a Super is an Orin Nano in a power mode that clocks the memory higher
    (r"orin nano.*super", 102.4, 3199),
    (r"orin nano", 68.0, 2133),
    (r"orin nx", 102.4, 3199),
    (r"agx orin", 204.8, 3199),
    (r"thor", 273.0, 4266),
    (r"agx.xavier", 136.5, 2133),
    (r"xavier nx", 59.7, 1866),
    (r"tx2", 59.7, 1866),
    (r"jetson nano|tx1", 25.6, 1600),
)
"""Memory bandwidth in GB/s by a pattern of the board's name, and the memory's clock in MHz at which
it is reached, from NVIDIA's data sheets. Power modes may clock it lower."""

_LEAST_BUFFER = 4 * 1024 * 1024
"""Smaller ones would be read from a core's own cache."""

_HALF = re.compile(r"orin nano")
_HALF_BELOW = 5 * 1024**3
"""The Orin Nano with 4 GB has half the memory chips, and half the bandwidth."""


class Bandwidth(msgspec.Struct, frozen=True):
    """A machine's memory bandwidth."""

    bytes_per_s: float
    origin: Origin


def of_machine(snapshot: Snapshot) -> Bandwidth | None:
    """A board's bandwidth, by its name, memory and power mode; None for one not in the table."""
    if not snapshot.board_name:
        return None
    full = f"{snapshot.board_name} {snapshot.power_mode or ''}".lower().replace("_", " ")
    for pattern, gigabytes, megahertz in _BOARDS:
        if re.search(pattern, full):
            share_of_clock = (snapshot.memory_clock_max_hz or megahertz * 1e6) / (megahertz * 1e6)
            half = _HALF.search(full) and (snapshot.ram_total_bytes or _HALF_BELOW) < _HALF_BELOW
            return Bandwidth(gigabytes * 1e9 * share_of_clock * (0.5 if half else 1), "table")
    return None


def known(snapshot: Snapshot) -> Bandwidth | None:
    """The best value there is: the board's from the table, or what was once measured."""
    return of_machine(snapshot) or measured()


def bounds(bandwidth: Bandwidth, *, gpu: bool) -> bool:
    """Whether a model's speed is bound by it: what the processor measured says nothing of a GPU."""
    return bandwidth.origin == "table" or not gpu


def measured() -> Bandwidth | None:
    """What `keep` wrote; None where nothing was measured, or on another machine."""
    try:
        found = kept.load(_file(), _Kept)
    except StorageError:
        return None
    return found.bandwidth if found is not None and found.machine == _machine() else None


def keep(bandwidth: Bandwidth) -> None:
    """Remember a measurement for this machine.

    Raises:
        StorageError: It can't be written.
    """
    kept.store(_file(), _Kept(_machine(), bandwidth))


class _Kept(msgspec.Struct):
    machine: str
    bandwidth: Bandwidth


def _file() -> Path:
    return paths.state_dir() / "bandwidth.json"


def _machine() -> str:
    """Tells machines apart that share a home directory."""
    return f"{platform.node()} {platform.machine()} {os.cpu_count()}"


def share(tokens_per_s: float, bytes_per_token: int, bandwidth: Bandwidth) -> float:
    """Share of the limit that decoding reaches, 0 to 1; a little more where caches help.

    Each token reads the weights, which are in the memory of this bandwidth.
    """
    return tokens_per_s * bytes_per_token / bandwidth.bytes_per_s


def measure(seconds: float = 1.0, size: int = 64 * 1024 * 1024) -> Bandwidth:
    """Measure in some seconds how fast all usable cores together read main memory.

    Each core compares two buffers of its own, which are larger than its caches, with libc's memcmp:
    it reads and writes nothing, and without Python's lock. The best of several rounds counts, since
    whatever else runs only takes away.

    Two buffers of at most this size are taken a core, and a quarter of the free memory altogether.

    Raises:
        MemoryError: There is no room for the buffers.
    """
    import ctypes  # the chat reads only the table, and doesn't wait for this

    compare = ctypes.CDLL(None).memcmp
    compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    cores = len(os.sched_getaffinity(0))
    size = min(size, max(_available() // (8 * cores), _LEAST_BUFFER))
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


def _available() -> int:
    """Bytes of this very machine that could be taken without swapping."""
    return bytes_in(text(Path("/proc/meminfo")), "MemAvailable") or 0
