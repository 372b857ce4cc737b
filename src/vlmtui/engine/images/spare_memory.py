"""How much memory this machine can spare for a picture just now, and who may take it."""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_AVAILABLE = re.compile(r"^MemAvailable:\s+([0-9]{1,15}) kB", re.MULTILINE)
_CACHE = re.compile(r"^inactive_file ([0-9]{1,20})$", re.MULTILINE)

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees its own limits (version 2)."""


LARGE_BYTES = 64_000_000
"""What takes more is decoded by one process at a time: the engine, or that of the thumbnails."""

WAIT_SECONDS = 20.0
"""How long one waits for the other, which may be a stopped one."""


@contextmanager
def alone(file: BinaryIO, size: int) -> Iterator[None]:
    """Let no other process decode the same large picture meanwhile.

    The lock goes when the file is closed.
    """
    deadline = time.monotonic() + (WAIT_SECONDS if size > LARGE_BYTES else 0)
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:  # a file system without locks
            break
    yield


def spare_bytes() -> int | None:
    """What a process could take without driving others out; None where the system doesn't tell."""
    found = _AVAILABLE.search(_text(MEMINFO))
    spare = [int(found[1]) * 1024] if found else []
    with suppress(ValueError):  # "max" is no limit
        limit = int(_text(CGROUP / "memory.max"))
        used = int(_text(CGROUP / "memory.current"))
        cache = _CACHE.search(_text(CGROUP / "memory.stat"))
        spare.append(max(0, limit - used + (int(cache[1]) if cache else 0)))
    return min(spare, default=None)


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
