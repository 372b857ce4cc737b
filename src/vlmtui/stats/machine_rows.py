"""What the machine tells, as labels and values: those with a history, and the others. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from vlmtui import units
from vlmtui.hardware.base import Snapshot
from vlmtui.stats.timeline import Moment, Series

SLOWED = "slowed by"
_ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


class Row(msgspec.Struct, frozen=True):
    """A reading now, and earlier ones."""

    label: str
    value: str
    series: Series
    most: float | None = None
    """Value of a full bar; None for what the values of the last minutes ask for."""

    shown: Callable[[float], str] = units.percent
    """How a value of the scale is written."""

    style: str = "$primary"


def rows(moment: Moment, roofline: float | None = None) -> Iterator[Row]:
    """The readings that there are at a moment; those that the machine doesn't give are left out.

    The roofline is what the memory's bandwidth allows the model, in tokens per second.
    """
    now = moment.snapshot
    rate = f"{units.rate(moment.tokens_per_s)} tok/s" if moment.tokens_per_s else "–"
    if moment.tokens_per_s and roofline:
        rate += f" · {units.percent(moment.tokens_per_s / roofline)}"
    yield Row("decode", rate, lambda m: m.tokens_per_s, roofline, units.rate, "$accent")
    yield from _of_gpu(now)
    yield from _of_memory(now)
    if now.cpu_load is not None:
        yield Row("CPU", units.percent(now.cpu_load), lambda m: m.snapshot.cpu_load, 1.0)
    if now.power_w is not None:
        yield Row(
            "power",
            units.watts(now.power_w),
            lambda m: m.snapshot.power_w,
            shown=units.watts,
            style="$warning",
        )
    if (hottest := _hottest(moment)) is not None:
        yield Row("hottest", units.celsius(hottest), _hottest, 105.0, units.celsius, "$error")


def _of_gpu(now: Snapshot) -> Iterator[Row]:
    if now.gpu_load is not None:
        load = units.percent(now.gpu_load)
        clock = f" · {now.gpu_clock_hz / 1e6:.0f} MHz" if now.gpu_clock_hz else ""
        yield Row("GPU", load + clock, lambda m: m.snapshot.gpu_load, 1.0)
    if (used := now.gpu_used_bytes) is not None:
        whole = now.gpu_total_bytes or now.ram_total_bytes
        yield _row_of("GPU memory", used, whole, lambda m: m.snapshot.gpu_used_bytes)


def _of_memory(now: Snapshot) -> Iterator[Row]:
    total, free = now.ram_total_bytes, now.ram_available_bytes
    if total is not None and free is not None:
        yield _row_of("memory", total - free, total, _ram_used)
    if (main := now.engine_rss_bytes) is not None:
        yield Row("engine", units.size(main), lambda m: m.snapshot.engine_rss_bytes, shown=_bytes)
    if (gpu := now.engine_gpu_bytes) is not None:
        yield Row(
            "engine GPU", units.size(gpu), lambda m: m.snapshot.engine_gpu_bytes, shown=_bytes
        )


def _row_of(label: str, part: int, whole: int | None, series: Series) -> Row:
    """A part of some memory, and all of it where that is known."""
    value = f"{units.size(part)} / {units.size(whole)}" if whole else units.size(part)
    return Row(label, value, series, whole, _bytes, "$secondary")


def top(values: Iterable[float | None], most: float | None) -> float:
    """What a full bar stands for: the most there can be, or a round number above nearly all values.

    A single burst among many values goes beyond it: it would flatten all others.
    """
    if most is not None:
        return most
    known = sorted(value for value in values if value)
    if not known:
        return 0.0
    usual = known[int(0.95 * (len(known) - 1))]
    size = 10.0 ** math.floor(math.log10(usual))
    return next((size * step for step in _ROUND if size * step >= usual), 10 * size)


def details(moment: Moment, roofline: float | None = None) -> Iterator[tuple[str, Sequence[str]]]:
    """What is but a value, as a label and its parts: each temperature, each rail, clocks, mode."""
    now = moment.snapshot
    if roofline:
        yield "roofline", [f"{units.rate(roofline)} tok/s, as the memory's bandwidth allows"]
    if now.power_w and moment.tokens_per_s:
        yield "energy", [f"{now.power_w / moment.tokens_per_s:.2g} J a token"]
    if now.gpu_others:
        each = [f"{name} {units.size(used)}" for name, used in now.gpu_others]
        yield "also on GPU", each
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
    own = [f"vlmtui {units.size(now.ui_rss_bytes)}"] if now.ui_rss_bytes is not None else []
    if now.sources:
        names = ("the system" if name == "host" else name for name in now.sources)
        own.append(f"readings from {', '.join(names)}")
    if own:
        yield "this screen", own


def _bytes(value: float) -> str:
    return units.size(round(value))


def _ram_used(moment: Moment) -> float | None:
    total, free = moment.snapshot.ram_total_bytes, moment.snapshot.ram_available_bytes
    return total - free if total is not None and free is not None else None


def _hottest(moment: Moment) -> float | None:
    return max((celsius for _, celsius in moment.snapshot.temperatures), default=None)
