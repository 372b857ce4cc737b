"""How much memory this machine can spare for a picture just now."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_AVAILABLE = re.compile(r"^MemAvailable:\s+([0-9]{1,15}) kB", re.MULTILINE)
_CACHE = re.compile(r"^inactive_file ([0-9]{1,20})$", re.MULTILINE)

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees its own limits (version 2)."""


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
