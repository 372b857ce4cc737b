"""NVIDIA's own `tegrastats`: what its lines say, and a probe that runs it where it must.

The lines differ between boards and releases, so each field is looked for by itself; what isn't
understood is skipped, and no line can raise. The program is started only while a reading is missing
that it may have: it is a process more on a small board.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from itertools import pairwise

from vlmtui.hardware.base import Rail, Readings, Temperature, measured
from vlmtui.hardware.child import LineChild
from vlmtui.hardware.sensors import UNCONNECTED, place, plausible, total_watts
from vlmtui.hardware.sysroot import Sysroot

PROGRAM = "/usr/bin/tegrastats"

WANTED = frozenset({"gpu_load", "power_w"})
"""Figures that are worth running the program for."""

MISSING_S = 3.0
"""How long one must be missing first: other probes need a moment to begin, and may stumble."""

SILENT_S = 10.0
"""Seconds after which a program that says nothing useful is given up. It prints once in one."""

_FRESH_S = 3.0
_MOST_LINES = 8
"""So many of the newest lines are looked at, whatever pours out of the program."""

_MIB = 1024 * 1024
_UNITS = {"K": 1024, "M": _MIB, "G": 1024 * _MIB}
_LONGEST_LINE = 16384


# ------------------------------------------------------------------------------------ the grammar

_START = r"(?<!\S)"
_PERCENT = r"([0-9]{1,3})%"
_RAM = re.compile(_START + r"RAM\s+([0-9]{1,9})/([0-9]{1,9})\s?([kMG])B", re.IGNORECASE)
_CPU = re.compile(_START + r"CPU\s+\[([^\[\]]{1,4000})\]", re.IGNORECASE)
_CORE = re.compile(_PERCENT + r"(?:@[0-9]{1,6})?")
_GPU = re.compile(
    _START + rf"GR3D[0-9]?(?:_FREQ)?\s+(?:{_PERCENT})?(?:@(\[[^\[\]]{{1,400}}\]|[0-9]{{1,6}}))?"
)
_CLOCK = re.compile(r"[0-9]{1,6}")
_DEGREES = r"(-?[0-9]{1,4}(?:\.[0-9]{1,6})?)"
_TEMPERATURE = re.compile(
    _START + rf"([A-Z][\w.-]{{0,40}})@{_DEGREES}(?:C(?:/{_DEGREES}C?)?|/{_DEGREES}C)(?![\w.])",
    re.IGNORECASE | re.ASCII,
)
_RAIL_NAME = re.compile(r"[A-Za-z][\w.+-]{0,40}", re.ASCII)
_SURELY_RAIL = re.compile(r"(VDD|VIN|POM)", re.IGNORECASE)
"""Begins the name of a rail. A number without unit or slash after any other name may be a clock."""

_POWER = re.compile(
    r"(-?[0-9]{1,9})(mW)?(/-?[0-9]{1,9}(?:mW)?)?(?:/-?[0-9]{1,9}(?:mW)?)?", re.IGNORECASE
)


def parse(line: str) -> Readings:
    """What of a line is understood; never raises. Only its first 16 KiB count."""
    line = line[:_LONGEST_LINE]
    available, total = _memory(line)
    gpu_load, gpu_clocks = _gpus(line)
    rails = _rails(line)
    return measured(
        ram_total_bytes=total,
        ram_available_bytes=available,
        cpu_core_loads=_cores(line) or None,
        gpu_load=gpu_load,
        gpu_clock_hz=max(gpu_clocks, default=0) or None,
        temperatures=_temperatures(line) or None,
        power_rails=rails or None,
        power_w=total_watts(rails),
    )


def _memory(line: str) -> tuple[int, int] | tuple[None, None]:
    """Bytes that are free and in all."""
    found = _RAM.search(line)
    if found is None:
        return None, None
    used, total = (int(each) * _UNITS[found[3].upper()] for each in found.group(1, 2))
    return max(total - used, 0), total


def _cores(line: str) -> tuple[float | None, ...]:
    """One for each core; None for a core that is off."""
    found = _CPU.search(line)
    if found is None:
        return ()
    cores = [_CORE.fullmatch(core.strip()) for core in found[1].split(",")]
    return tuple(_share(core[1]) if core else None for core in cores)


def _gpus(line: str) -> tuple[float | None, list[int]]:
    """The load of the busiest, and the clocks of all parts that have one, in hertz."""
    loads, clocks = [], []
    for found in _GPU.finditer(line):
        if (load := _share(found[1])) is not None:
            loads.append(load)
        each = (found[2] or "").strip("[]").split(",")  # "off" for a part that is switched off
        clocks += [int(clock) * 1_000_000 for clock in each if _CLOCK.fullmatch(clock.strip())]
    return max(loads, default=None), clocks


def _temperatures(line: str) -> tuple[Temperature, ...]:
    found = ((place(each[1]), float(each[2])) for each in _TEMPERATURE.finditer(line))
    return tuple(Temperature(*each) for each in found if plausible(*each))


def _rails(line: str) -> tuple[Rail, ...]:
    rails = []
    for name, value in pairwise(line.split()):
        power = _POWER.fullmatch(value)
        if power is None or name == UNCONNECTED or not _RAIL_NAME.fullmatch(name):
            continue
        if power[2] or power[3] or _SURELY_RAIL.match(name):
            rails.append(Rail(name, int(power[1]) / 1000))
    return tuple(rails)


def _share(percent: str | None) -> float | None:
    return int(percent) / 100 if percent is not None and int(percent) <= 100 else None


# -------------------------------------------------------------------------------------- the probe


class TegrastatsFailed(Exception):
    """The program ended, or says nothing."""


def find() -> TegrastatsProbe | None:
    """The probe, where the program is installed."""
    root = Sysroot()
    program = str(root.path(PROGRAM))
    if not os.access(program, os.X_OK) or os.path.isdir(program):
        other = shutil.which("tegrastats") if root.real else None
        if other is None:
            return None
        program = os.path.abspath(other)
    return TegrastatsProbe(program)


class TegrastatsProbe:
    """Runs the program while others lack what it may have, and gives what they lack."""

    def __init__(self, program: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._program = program
        self._clock = clock
        self._child: LineChild | None = None
        self._missing: frozenset[str] = frozenset()
        self._missing_since = 0.0
        self._useless: frozenset[str] = frozenset()
        self._heard_at = 0.0
        self._useful = 0.0
        self._readings = Readings()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        """What the newest line says of what isn't `known`.

        Raises:
            TegrastatsFailed: The program ended, or says nothing.
            OSError: It can't be started.
        """
        now = self._clock()
        missing = WANTED - known.keys()
        if missing != self._missing:
            self._missing, self._missing_since = missing, now
        if not missing or missing <= self._useless:
            self.close()
            return Readings()
        if self._child is None:
            if now - self._missing_since < MISSING_S:
                return Readings()
            self._child = LineChild([self._program, "--interval", "1000"])
            self._heard_at = self._useful = now
        self._listen(self._child, now)
        if now - self._useful > SILENT_S:  # it speaks, but of other things
            self._useless |= missing
            self.close()
        if now - self._heard_at > _FRESH_S:
            return Readings()
        return {name: value for name, value in self._readings.items() if name not in known}

    def close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
        self._readings = Readings()

    def _listen(self, child: LineChild, now: float) -> None:
        for line in reversed(child.lines()[-_MOST_LINES:]):
            if readings := parse(line):
                self._readings, self._heard_at = readings, now
                if self._missing & readings.keys():
                    self._useful = now
                return
        status = child.ended()
        if status is not None:
            raise TegrastatsFailed(f"it ended with status {status}")
        if now - self._heard_at > SILENT_S:
            raise TegrastatsFailed("it says nothing")
