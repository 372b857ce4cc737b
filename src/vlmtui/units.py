"""Quantities in as few characters as a side pane has room for."""

from __future__ import annotations


def size(count: int | None) -> str:
    """Bytes in decimal units: "812 B", "312 MB", "4.1 GB". A dash for None."""
    if count is None:
        return "–"
    if count < 1000:
        return f"{count} B"
    if count < 999_500:
        return f"{count / 1e3:.0f} kB"
    if count < 999_500_000:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"


def seconds(value: float | None) -> str:
    """A duration in seconds: "85 ms", "1.29 s", "1 min 12 s". A dash for None."""
    if value is None:
        return "–"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    return f"{round(value) // 60} min {round(value) % 60} s"


def duration(value: float) -> str:
    """Time that is left: "38 s", "1 min 35 s", "5 min", "2 h 05 min"."""
    whole = max(1, round(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def rate(value: float | None) -> str:
    """Tokens per second: "4.2", "128", "1,886". A dash for None."""
    if value is None:
        return "–"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def percent(share: float) -> str:
    """A share of 1: "63 %"."""
    return f"{share * 100:.0f} %"


def watts(value: float) -> str:
    """Power: "12.5 W", "128 W"."""
    return f"{value:.1f} W" if abs(value) < 99.95 else f"{value:.0f} W"


def celsius(value: float) -> str:
    """A temperature: "53 °C"."""
    return f"{value:.0f} °C"


def count(value: int) -> str:
    """A number of things: "812", "4,096", "5M", "7.2B"."""
    if value < 1_000_000:
        return f"{value:,}"
    if value < 999_500_000:
        return f"{value / 1e6:.3g}M"
    return f"{value / 1e9:.3g}B"
