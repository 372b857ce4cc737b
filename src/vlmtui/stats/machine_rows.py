"""What the machine tells, as labels and values: those with a history, and the others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from vlmtui import units
from vlmtui.hardware.base import Snapshot
from vlmtui.stats.timeline import Moment, Series

SLOWED = "slowed by"


class Row(msgspec.Struct, frozen=True):
    """A figure now, and how it was."""

    label: str
    value: str
    series: Series
    most: float | None = None
    """Value of a full bar; None for the largest there was."""

    style: str = "$primary"


def rows(moment: Moment) -> Iterator[Row]:
    """The figures that there are at a moment; those that the machine doesn't give are left out."""
    now = moment.snapshot
    rate = f"{units.rate(moment.tokens_per_s)} tok/s" if moment.tokens_per_s else "–"
    yield Row("decode", rate, lambda m: m.tokens_per_s, style="$accent")
    if now.gpu_load is not None:
        load = units.percent(now.gpu_load)
        clock = f" · {now.gpu_clock_hz / 1e6:.0f} MHz" if now.gpu_clock_hz else ""
        yield Row("GPU", load + clock, lambda m: m.snapshot.gpu_load, 1.0)
    if now.gpu_used_bytes is not None:
        whole = now.gpu_total_bytes or now.ram_total_bytes
        yield Row(
            "GPU memory",
            _of(now.gpu_used_bytes, whole),
            lambda m: m.snapshot.gpu_used_bytes,
            whole,
            "$secondary",
        )
    if now.ram_total_bytes is not None and now.ram_available_bytes is not None:
        yield Row(
            "memory used",
            _of(now.ram_total_bytes - now.ram_available_bytes, now.ram_total_bytes),
            _ram_used,
            now.ram_total_bytes,
            "$secondary",
        )
        yield Row(
            "memory free",
            units.size(now.ram_available_bytes),
            lambda m: m.snapshot.ram_available_bytes,
            now.ram_total_bytes,
            "$secondary",
        )
    if now.engine_rss_bytes is not None:
        yield Row("engine", units.size(now.engine_rss_bytes), lambda m: m.snapshot.engine_rss_bytes)
    if now.engine_gpu_bytes is not None:
        yield Row(
            "engine GPU", units.size(now.engine_gpu_bytes), lambda m: m.snapshot.engine_gpu_bytes
        )
    if now.cpu_load is not None:
        yield Row("CPU", units.percent(now.cpu_load), lambda m: m.snapshot.cpu_load, 1.0)
    if now.power_w is not None:
        yield Row("power", units.watts(now.power_w), lambda m: m.snapshot.power_w, style="$warning")
    if (hottest := _hottest(moment)) is not None:
        yield Row("hottest", units.celsius(hottest), _hottest, 105.0, "$error")
    if now.ui_rss_bytes is not None:
        yield Row("vlmtui", units.size(now.ui_rss_bytes), lambda m: m.snapshot.ui_rss_bytes)


def details(now: Snapshot) -> Iterator[tuple[str, Sequence[str]]]:
    """What is but a value, as a label and its parts: each temperature, each rail, clocks, mode."""
    if now.temperatures:
        each = [f"{name} {celsius:.0f}" for name, celsius in now.temperatures]
        yield "temperatures", [*each[:-1], f"{each[-1]} °C"]
    if now.power_rails:
        yield "power rails", [f"{rail.name} {units.watts(rail.watts)}" for rail in now.power_rails]
    clocks = [f"{now.gpu_clock_hz / 1e6:.0f} MHz"] if now.gpu_clock_hz else []
    if now.gpu_clock_max_hz:
        clocks.append(f"at most {now.gpu_clock_max_hz / 1e6:.0f} MHz")
    if clocks:
        yield "GPU clock", clocks
    if now.power_mode:
        limit = now.memory_clock_max_hz
        memory = [f"memory at most {limit / 1e6:.0f} MHz"] if limit else []
        yield "power mode", [now.power_mode, *memory]
    if now.throttled_by is not None:
        yield SLOWED, now.throttled_by or ["nothing"]
    if now.sources:
        yield "told by", [", ".join(now.sources)]


def _of(part: int, whole: int | None) -> str:
    return f"{units.size(part)} / {units.size(whole)}" if whole else units.size(part)


def _ram_used(moment: Moment) -> float | None:
    total, free = moment.snapshot.ram_total_bytes, moment.snapshot.ram_available_bytes
    return total - free if total is not None and free is not None else None


def _hottest(moment: Moment) -> float | None:
    return max((celsius for _, celsius in moment.snapshot.temperatures), default=None)
