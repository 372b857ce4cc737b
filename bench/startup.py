"""Start of the chat in a terminal, beside a bare Textual app, and the memory of its process.

Both start in a pseudo-terminal of 110x34 cells, taking turns. First paint: from the start of the
process until its text arrives at the terminal. Usable: until a character that was typed at the
first paint comes back in the composer.

    python -m bench.startup
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from bench import bare_app, report
from bench.terminal import Terminal
from vlmtui import demo

BARE = ("-m", "bench.bare_app")
CHAT = ("-m", "vlmtui")
CHAT_MARK = "Ask about a picture"
"""The composer's placeholder."""

TYPED = "ж"
"""Appears nowhere else on the screen."""


def start_bare(home: Path) -> float:
    """Seconds to first paint."""
    terminal = Terminal(BARE, home)
    try:
        return terminal.seconds_until(bare_app.MARK)
    finally:
        terminal.close()


def start_chat(home: Path) -> tuple[float, float]:
    """Seconds to first paint and to a usable composer."""
    terminal = Terminal(CHAT, home)
    try:
        painted = terminal.seconds_until(CHAT_MARK)
        terminal.type(TYPED)
        usable = terminal.seconds_until(TYPED)
        terminal.type("\x7f")  # or the next start would find it as a draft
        return painted, usable
    finally:
        terminal.close()


def memory(home: Path) -> tuple[float, float]:
    """MB of the chat's process: idle with the model loaded, and after a question with a picture."""
    terminal = Terminal(CHAT, home)
    try:
        terminal.seconds_until(CHAT_MARK)
        terminal.watch(4)
        idle = terminal.rss_mb()
        terminal.type(f"@{demo.sample_images()[0]} ")
        terminal.watch(1)
        terminal.type("Describe the image.\r")
        terminal.watch(8)
        return idle, terminal.rss_mb()
    finally:
        terminal.close()


def main() -> None:
    parser = report.arguments(__doc__, repeats=11)
    options = parser.parse_args()
    bare: list[float] = []
    painted: list[float] = []
    usable: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        start_bare(home)
        start_chat(home)
        for _ in range(options.repeats):
            bare.append(start_bare(home))
            paint, use = start_chat(home)
            painted.append(paint)
            usable.append(use)
        idle_mb, asked_mb = memory(home)

    ratio = statistics.median(painted) / statistics.median(bare)
    figures = {
        "repeats": options.repeats,
        "load_average": round(os.getloadavg()[0], 2),
        "bare_first_paint_s": report.spread(bare),
        "chat_first_paint_s": report.spread(painted),
        "chat_usable_s": report.spread(usable),
        "ui_rss_mb": {"idle": round(idle_mb, 1), "after_a_picture": round(asked_mb, 1)},
        "ratio": round(ratio, 4),
    }
    table = [
        ("", "first paint", "usable"),
        ("bare Textual app", f"{statistics.median(bare):.3f} s", ""),
        ("vlmtui", *(f"{statistics.median(values):.3f} s" for values in (painted, usable))),
        ("ratio", f"{ratio:.3f}", ""),
        ("UI memory, MB", f"{idle_mb:.1f} idle", f"{asked_mb:.1f} after a picture"),
    ]
    report.show(f"start, median of {options.repeats}", figures, table, options.json)


if __name__ == "__main__":
    main()
