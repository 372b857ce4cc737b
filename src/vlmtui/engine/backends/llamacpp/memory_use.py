"""What memory this process holds, and what is left."""

from __future__ import annotations

import os

from vlmtui.engine.images.spare_memory import spare_bytes

_SPARE_BYTES = 256_000_000
"""Main memory that stays free beside the copy of a state."""


def has_room(size: int) -> bool:
    """Whether main memory has room for the copy of a state."""
    available = spare_bytes()
    return available is None or available - size >= _SPARE_BYTES


def resident_bytes() -> int:
    """Main memory that this process holds, in bytes; 0 where the system doesn't say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
