"""Whether a Jetson is being slowed down, and by what: heat, or too much current.

The kernel acts against heat through "cooling devices", whose state is above 0 while they hold back;
fans are among them and slow nothing down. Against current the chip acts by itself and counts how
often. Names are those of NVIDIA's kernels for Orin and Xavier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vlmtui.hardware import sysroot
from vlmtui.hardware.sysroot import Sysroot

_OVER_CURRENT = "soctherm_oc"
_TELL_FOR_S = 5.0
"""An event of over-current lasts milliseconds; it is told for this long, so that it can be seen."""


@dataclass
class _Counter:
    name: str
    path: Path
    count: int | None
    shown_until: float = 0.0


class Throttle:
    """Reads what holds the board back now."""

    def __init__(self, root: Sysroot, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._devices = [
            (name, device / "cur_state")
            for device in root.glob("/sys/class/thermal/cooling_device*")
            if (name := _name(device)) is not None and "fan" not in name.lower()
        ]
        self._counters = [
            _Counter(f"over-current {path.name.partition('_')[0]}", path, sysroot.number(path))
            for monitor in root.glob("/sys/class/hwmon/hwmon*")
            if sysroot.text(monitor / "name") == _OVER_CURRENT
            for path in sorted(monitor.glob("oc*_event_cnt"))
        ]

    @property
    def tells(self) -> bool:
        return bool(self._devices or self._counters)

    def read(self) -> tuple[str, ...] | None:
        """Names of what slows the board down; empty for nothing, None where nothing can tell."""
        states = [(name, sysroot.number(path)) for name, path in self._devices]
        active = [name for name, state in states if state]
        known = any(state is not None for _, state in states)
        now = self._clock()
        for counter in self._counters:
            count = sysroot.number(counter.path)
            known = known or count is not None
            if count is not None and counter.count is not None and count > counter.count:
                counter.shown_until = now + _TELL_FOR_S
            counter.count = count
            if now < counter.shown_until:
                active.append(counter.name)
        return tuple(dict.fromkeys(active)) if known else None


def _name(device: Path) -> str | None:
    name = "".join(filter(str.isprintable, sysroot.text(device / "type") or ""))[:40]
    return name.removesuffix("-throttle-alert") or None
