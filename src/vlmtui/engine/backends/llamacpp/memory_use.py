"""What memory this process holds, and what is left."""

from __future__ import annotations

import os


def available_bytes() -> int | None:
    """Main memory that could be had without swapping, in bytes; None where nobody says."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def resident_bytes() -> int:
    """Main memory that this process holds, in bytes; 0 where the system doesn't say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
