"""What the machine is doing, as one frozen value, and what can be asked for it.

A figure that nobody could measure is None and never 0: a GPU at rest and a GPU that can't be asked
are different facts. This module measures nothing itself.
"""

from __future__ import annotations

from typing import Protocol, TypedDict

import msgspec


class Snapshot(msgspec.Struct, frozen=True):
    """The machine at one moment. Sizes in bytes, loads from 0 to 1."""

    time: float
    """Seconds since 1970."""

    engine_rss_bytes: int | None = None
    """Main memory that the engine's process holds, weights it maps from a file included."""

    engine_gpu_bytes: int | None = None
    """GPU memory that the engine's process holds."""

    gpu_used_bytes: int | None = None
    """GPU memory in use by all processes."""

    gpu_total_bytes: int | None = None
    gpu_load: float | None = None
    ram_total_bytes: int | None = None
    ram_available_bytes: int | None = None
    """What could be given to a process without swapping."""

    cpu_load: float | None = None
    """Over all cores, since the snapshot before."""

    ui_rss_bytes: int | None = None
    """Main memory that this process holds."""


class Figures(TypedDict, total=False):
    """The fields of `Snapshot` that one source could measure; those it couldn't are left out."""

    engine_rss_bytes: int
    engine_gpu_bytes: int
    gpu_used_bytes: int
    gpu_total_bytes: int
    gpu_load: float
    ram_total_bytes: int
    ram_available_bytes: int
    cpu_load: float
    ui_rss_bytes: int


class Probe(Protocol):
    """A source of figures. Made, used and closed in one thread of its own; may be slow."""

    def read(self, engine_pid: int | None) -> Figures:
        """Measure now.

        Args:
            engine_pid: Process id of the engine; None while it doesn't run.
        """

    def close(self) -> None:
        """Let go of what was opened."""
