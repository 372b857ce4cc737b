"""What the machine is doing, as one frozen value, and what can be asked for it.

A reading that nobody could measure is None (or an empty tuple) and never 0: a GPU at rest and a GPU
that can't be asked are different facts. This module measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec


class Temperature(NamedTuple):
    """What one sensor says."""

    name: str
    """The board's own name for the place, without "thermal": "gpu", "CPU", "tj"."""

    celsius: float


class Rail(NamedTuple):
    """What flows through one supply rail now."""

    name: str
    """The board's own name: "VDD_IN". Rails may lie behind one another, so they don't add up."""

    watts: float


class GpuUser(NamedTuple):
    """A program that holds memory of the GPU."""

    name: str
    bytes: int


class Snapshot(msgspec.Struct, frozen=True):
    """The machine at one moment. Sizes in bytes, loads from 0 to 1, power in watts."""

    time: float
    """Seconds since 1970."""

    engine_rss_bytes: int | None = None
    """Main memory that the engine's process holds, weights it maps from a file included."""

    engine_gpu_bytes: int | None = None
    """GPU memory that the engine's process holds."""

    gpu_used_bytes: int | None = None
    """GPU memory in use by all processes; with `shared_memory`, the GPU's part of main memory."""

    gpu_total_bytes: int | None = None
    """The GPU's own memory; None with `shared_memory`, where `ram_total_bytes` is the limit."""

    gpu_others: tuple[GpuUser, ...] = ()
    """Who else holds GPU memory, the most first; empty where that isn't told."""

    gpu_name: str | None = None
    """What the GPUs call themselves; None on a board, whose own name tells."""

    gpu_load: float | None = None
    """Share of the time in which the GPU was busy, smoothed over seconds where it jumps about."""

    gpu_clock_hz: int | None = None
    gpu_clock_max_hz: int | None = None
    """What the power mode allows, not what the chip could do."""

    ram_total_bytes: int | None = None
    ram_available_bytes: int | None = None
    """What could be given to a process without swapping."""

    cpu_load: float | None = None
    """Over all cores, since the snapshot before."""

    cpu_core_loads: tuple[float | None, ...] = ()
    """One for each core since the snapshot before; None for a core that is known to be off."""

    temperatures: tuple[Temperature, ...] = ()
    """In the board's order; sensors that are off are left out."""

    power_w: float | None = None
    """What the whole module draws, as measured on the board."""

    power_rails: tuple[Rail, ...] = ()
    """Whatever the board measures, in its order."""

    power_mode: str | None = None
    """The board's name for the limits it runs under: "MAXN_SUPER", "15W"."""

    memory_clock_max_hz: int | None = None
    """What the power mode allows the memory; None where it sets no limit."""

    throttled_by: tuple[str, ...] | None = None
    """What slows the machine down now, heat or current, in its own names; empty for nothing, None
    where it doesn't tell."""

    board_name: str | None = None
    l4t: str | None = None
    """Version of the board's system software (Linux for Tegra): "36.4.3" is JetPack 6.2."""

    shared_memory: bool = False
    """The GPU has no memory of its own but takes main memory: what one needs, the other lacks."""

    ui_rss_bytes: int | None = None
    """Main memory that this process holds."""

    sources: tuple[str, ...] = ()
    """Names of the probes whose readings are in here, the best first."""

    notes: tuple[str, ...] = ()
    """A sentence for every probe that is out of order just now."""


Readings = dict[str, Any]
"""The fields of `Snapshot` that one source could measure; those it couldn't are left out."""


def measured(**values: Any) -> Readings:
    """The readings that there are: those that are None are left out."""
    return {name: value for name, value in values.items() if value is not None}


class Probe(Protocol):
    """A source of readings. Made, used and closed in one thread of its own; may be slow.

    It may raise whatever it likes: then it is closed, and a new one is made later.
    """

    def read(self, engine_pid: int | None, known: Readings) -> Readings:
        """Measure now.

        `known` is what all other probes measured just now. Nothing in it need be measured, but may
        be: the better source wins.
        """

    def close(self) -> None:
        """Let go of what was opened, if anything."""
        return


class Source(NamedTuple):
    """A kind of probe that a machine may have."""

    name: str
    """What people call it."""

    find: Callable[[], Probe | None]
    """Makes the probe; None where the machine has nothing of the kind."""
