"""A bar of one line that fills from left to right."""

from __future__ import annotations

from textual.content import Content

_EIGHTHS = " ▏▎▍▌▋▊▉"


def meter(fraction: float, width: int, style: str) -> Content:
    """Draw a bar.

    Args:
        fraction: 0 to 1; more or less is cut off.
        width: Cells.
        style: Of the filled part.
    """
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, part = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[part] if part else "")
    return Content.assemble((bar.ljust(width), f"{style} on $panel"))
