"""The files in which a board tells its readings, at their places or below a copy of them.

`VLMTUI_SYSROOT` names a directory that stands for `/`: what any board would show can then be seen
anywhere. This is the only module that reads the variable. It does not know what the files mean.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

SYSROOT_VARIABLE = "VLMTUI_SYSROOT"
"""Environment variable that makes the probes read below another directory than `/`."""

_MOST_BYTES = 65536
_NUMBER = re.compile(r"-?[0-9]{1,18}")


class Sysroot:
    """Reads small files; whatever can't be read or isn't there is None."""

    def __init__(self, root: Path | None = None) -> None:
        """Read below `root`; None asks the environment."""
        self._root = Path(os.environ.get(SYSROOT_VARIABLE) or "/") if root is None else root

    @property
    def real(self) -> bool:
        """The files tell of this very machine."""
        return self._root == Path("/")

    def path(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def glob(self, pattern: str) -> list[Path]:
        try:
            return sorted(self._root.glob(pattern.lstrip("/")))
        except OSError:
            return []

    def text(self, path: str) -> str | None:
        return text(self.path(path))

    def system_name(self) -> str:
        """The system as it calls itself: "Ubuntu 22.04.4 LTS"."""
        release = self.text("/etc/os-release") or ""
        found = re.search(r'^PRETTY_NAME="?(.*?)"?$', release, re.MULTILINE)
        return found[1] if found else platform.system()

    def processor_name(self) -> str:
        """The processor as the kernel calls it, or else its architecture."""
        report = self.text("/proc/cpuinfo") or ""
        found = re.search(r"^model name\s*:\s*(.+)$", report, re.MULTILINE)
        return found[1] if found else platform.machine()


def text(path: Path) -> str | None:
    """Content of a small file without zero bytes and space at its ends; None if it has none."""
    try:
        # not blocking: nobody may be at the other end of a FIFO
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        content = os.read(descriptor, _MOST_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content.decode(errors="replace").strip("\0 \t\r\n") or None


def bytes_in(report: str | None, name: str) -> int | None:
    """What /proc/meminfo, or the status of a process, has of a name; in bytes."""
    found = re.search(rf"^{name}:\s+([0-9]{{1,15}}) kB$", report or "", re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def number(path: Path) -> int | None:
    """The whole number in a file; None where there is anything else."""
    found = text(path)
    return int(found) if found is not None and _NUMBER.fullmatch(found) else None
