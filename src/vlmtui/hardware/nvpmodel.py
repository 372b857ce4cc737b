"""The power modes of a Jetson: which it has, and which it is in.

From the files of NVIDIA's `nvpmodel`, which itself may want root. A mode is a number, a name, and
limits; of these only the memory's clock is read, since it bounds how fast a model can decode.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vlmtui.hardware.sysroot import Sysroot

_CURRENT = re.compile(r"pmode:0*([0-9]{1,6})")
_MODE = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=([0-9]{1,6})\s+NAME=([\w.+-]{1,40})", re.MULTILINE)
_MEMORY_CLOCK = re.compile(r"^\s*EMC\s+MAX_FREQ\s+([0-9]{1,11})\s*$", re.MULTILINE)


class PowerMode(NamedTuple):
    """One mode."""

    number: int
    """What `nvpmodel -m` takes."""

    name: str
    """The board's: "15W", "MAXN_SUPER"."""

    memory_clock_hz: int | None = None
    """The most that it allows the memory; None where it sets no limit."""


def modes(root: Sysroot) -> dict[int, PowerMode]:
    """The modes of this board by their numbers, in its order."""
    text = root.text("/etc/nvpmodel.conf") or ""
    heads = list(_MODE.finditer(text))
    found = {}
    for head in heads:
        # to the next heading, of whatever kind: the limits of one mode
        section = text[head.end() :].partition("\n<")[0]
        clock = _MEMORY_CLOCK.search(section)
        hertz = int(clock[1]) if clock else 0
        found[int(head[1])] = PowerMode(int(head[1]), head[2], hertz or None)
    return found


def current(root: Sysroot, known: dict[int, PowerMode]) -> PowerMode | None:
    """The mode that the board is in, of those that are known; None where it doesn't tell."""
    found = _CURRENT.search(root.text("/var/lib/nvpmodel/status") or "")
    if found is None:
        return None
    number = int(found[1])
    return known.get(number, PowerMode(number, f"mode {number}"))
