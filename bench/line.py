"""A streaming answer over a slow line: bytes a second, and from a key to its echo.

50 tokens arrive a second; the line takes 4 kB a second and 300 ms each way, and lets megabytes
queue up before anybody has to wait, as OpenSSH does. Beside vlmtui stands Textual's
`MarkdownStream`, with an input line below it.

    python -m bench.line
    python -m bench.line --rate 16000 --delay 0.1
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import report
from bench.keys import LETTERS
from bench.slow_terminal import SlowTerminal

TOKENS_A_SECOND = 50
WAYS = {"vlmtui": "vlmtui", "MarkdownStream": "typing"}
_SETTLE_SECONDS = 10.0
_TIMEOUT = 60.0


def measure(way: str, rate: float, delay: float, keys: int) -> dict[str, Any]:
    """Figures of one way over one line."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = str(int(TOKENS_A_SECOND * (3 * keys + 120)))
        result = str(Path(folder) / "result.json")
        arguments = ("-m", "bench.stream_app", way, str(TOKENS_A_SECOND), tokens, result)
        terminal = SlowTerminal(arguments, Path(folder), rate, delay)
        found = []
        try:
            terminal.drain(_SETTLE_SECONDS)
            began, before = time.perf_counter(), terminal.arrived
            for number in range(keys):
                letter = LETTERS[number % len(LETTERS)]
                typed = time.perf_counter()
                terminal.type(letter)
                try:
                    terminal.seconds_until(letter, _TIMEOUT)
                except TimeoutError:
                    found.append(_TIMEOUT)
                    break
                found.append(time.perf_counter() - typed)
                terminal.drain(0.5 + 0.137 * (number % 5))
            took, arrived = time.perf_counter() - began, terminal.arrived - before
            return {
                "bytes_s": round(arrived / took),
                "echo_s": report.spread(found),
                "most_behind_s": round(terminal.most_behind / rate, 1),
            }
        finally:
            terminal.close()


def main() -> None:
    parser = report.arguments(__doc__, repeats=20)
    parser.add_argument("--rate", type=float, default=4000, help="bytes a second (default 4000)")
    parser.add_argument("--delay", type=float, default=0.3, help="seconds each way (default 0.3)")
    options = parser.parse_args()
    figures: dict[str, Any] = {
        "rate": options.rate,
        "delay_s": options.delay,
        "load_average": round(os.getloadavg()[0], 2),
    }
    table: list[tuple[str, ...]] = [("", "bytes/s", "echo, median", "worst", "most behind")]
    for name, way in WAYS.items():
        found = measure(way, options.rate, options.delay, options.repeats)
        figures[name] = found
        echo = found["echo_s"]
        waited = [f"{echo[which]:.2f} s" for which in ("median", "most")]
        table.append((name, str(found["bytes_s"]), *waited, f"{found['most_behind_s']} s"))
    theirs = figures["MarkdownStream"]["echo_s"]["median"]
    figures["ratio"] = round(figures["vlmtui"]["echo_s"]["median"] / theirs, 3)
    line = f"{options.rate:.0f} bytes/s and {1000 * options.delay:.0f} ms each way"
    report.show(f"an answer that streams in over {line}", figures, table, options.json)


if __name__ == "__main__":
    main()
