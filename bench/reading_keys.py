"""From a key to its echo in the composer: while pictures are read ahead, and while an answer comes.

The whole program with its real engine, in a pseudo-terminal; both in one run. A letter is typed,
its echo waited for, and taken back again.

    python -m bench.reading_keys           # the larger model, minutes
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import report
from bench.followup import picture
from bench.keys import LETTERS
from bench.terminal import Terminal

PICTURES = 6
_TIMEOUT_S = 120.0


class Typist:
    """Types letters and takes them back."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._typed = 0
        self.seen = ""
        """What came since it was emptied."""

    def latency(self) -> float:
        """Seconds from a key to its echo."""
        letter = LETTERS[self._typed % len(LETTERS)]
        self._typed += 1
        self.seen += self._terminal.drain(0)
        began = time.perf_counter()
        self._terminal.type(letter)
        self._terminal.seconds_until(letter, _TIMEOUT_S)
        taken = time.perf_counter() - began
        self._terminal.type("\x7f")
        # not in step with the redraws
        self.seen += self._terminal.drain(0.1 + 0.037 * (self._typed % 5))
        return taken


def measure(model: report.Model, count: int) -> tuple[list[float], list[float]]:
    """Latencies while reading ahead, and while an answer comes."""
    reading: list[float] = []
    streaming: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = ("--model", str(model.path), "--mmproj", str(model.mmproj))
        terminal = Terminal(("-m", "vlmtui", *files), folder / "home")
        try:
            terminal.seconds_until("ready", _TIMEOUT_S)
            terminal.drain(3)
            typist = Typist(terminal)
            for number in range(PICTURES):
                # as a file is dropped on the terminal
                terminal.type(f"\x1b[200~{picture(folder, number)}\x1b[201~")
                terminal.seconds_until("· reading", _TIMEOUT_S)
                typist.seen = terminal.drain(0)
                while "· ready" not in typist.seen and len(reading) < count:
                    reading.append(typist.latency())
                if len(reading) >= count:
                    break
            terminal.type("Describe them.")
            terminal.drain(1)
            terminal.type("\r")
            terminal.seconds_until("decoding", _TIMEOUT_S)
            typist.seen = terminal.drain(0.5)
            while len(streaming) < len(reading):
                streaming.append(typist.latency())
        finally:
            terminal.close()
    return reading, streaming


def main() -> None:
    parser = report.arguments(__doc__, repeats=60)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    sides = dict(
        zip(("reading ahead", "streaming"), measure(model, max(options.repeats, 30)), strict=True)
    )
    late = {side: sorted(each)[int(len(each) * 0.95)] for side, each in sides.items()}
    figures: dict[str, Any] = {
        "model": model.name,
        "repeats": len(sides["streaming"]),
        "load_average": round(os.getloadavg()[0], 2),
        "latency_s": {side: report.spread(each) for side, each in sides.items()},
        "p95_s": {side: round(each, 5) for side, each in late.items()},
        "ratio": round(late["reading ahead"] / late["streaming"], 3),
    }
    table: list[tuple[str, ...]] = [("", "median", "95th percentile", "worst")]
    for side, each in sides.items():
        cells = (statistics.median(each), late[side], max(each))
        table.append((side, *(f"{1000 * value:.1f} ms" for value in cells)))
    title = f"from a key to its echo, {len(sides['streaming'])} keys each, {model.name}"
    report.show(title, figures, table, options.json)


if __name__ == "__main__":
    main()
