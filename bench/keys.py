"""From a key to its echo in the composer while an answer streams in, in a pseudo-terminal.

50 tokens arrive a second. A letter is typed, its echo waited for, and taken back again.

    python -m bench.keys
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import report
from bench.terminal import Terminal

RATE = 50
LETTERS = "бвгдёжзийклмнптуфцчшщъыьэюя"
"""None of them is anywhere else on the screen."""

_TIMEOUT = 5.0


def latencies(count: int) -> list[float]:
    """Seconds from a key to its echo."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        tokens = str(int(RATE * (count * 0.4 + 20)))
        result = str(Path(folder) / "result.json")
        terminal = Terminal(
            ("-m", "bench.stream_app", "vlmtui", str(RATE), tokens, result), Path(folder)
        )
        try:
            terminal.drain(5)
            for number in range(count):
                letter = LETTERS[number % len(LETTERS)]
                began = time.perf_counter()
                terminal.type(letter)
                terminal.seconds_until(letter, _TIMEOUT)
                found.append(time.perf_counter() - began)
                terminal.type("\x7f")
                terminal.drain(0.1 + 0.037 * (number % 5))  # not in step with the redraws
        finally:
            terminal.close()
    return found


def main() -> None:
    parser = report.arguments(__doc__, repeats=300)
    options = parser.parse_args()
    found = sorted(latencies(max(options.repeats, 100)))
    worst = found[min(int(len(found) * 0.99), len(found) - 1)]
    figures: dict[str, Any] = {
        "keys": len(found),
        "load_average": round(os.getloadavg()[0], 2),
        "latency_s": report.spread(found),
        "p99_s": round(worst, 5),
        "ratio": round(worst / 0.05, 3),
    }
    table = [
        ("", "median", "99th percentile", "worst"),
        (
            "key to echo",
            *(f"{1000 * value:.1f} ms" for value in (statistics.median(found), worst, found[-1])),
        ),
    ]
    report.show(
        f"typing while an answer streams in, {len(found)} keys", figures, table, options.json
    )


if __name__ == "__main__":
    main()
