"""What a streaming answer costs: CPU seconds of the interface and the worst lag of its event loop.

4,000 tokens arrive at 30 and at 200 a second, in a real pseudo-terminal that is read from; the
process measures itself, in quarters of the tokens. Beside vlmtui stand Textual's `MarkdownStream`
written to for each token, and the ways in which oterm and elia show an answer, rebuilt here. vlmtui
is the whole application, its database included; the others show nothing but the answer.

    python -m bench.stream            # about 11 minutes
    python -m bench.stream --quick    # 1,000 tokens at 200 a second
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import report
from bench.terminal import Terminal

WAYS = ("vlmtui", "markdownstream", "oterm", "elia")


def measure(way: str, rate: int, count: int) -> dict[str, Any]:
    """Figures of one way at one rate."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        arguments = ("-m", "bench.stream_app", way, str(rate), str(count), str(result))
        terminal = Terminal(arguments, Path(folder))
        began = time.perf_counter()
        try:
            # a way that can't keep up takes longer than the tokens do
            while not terminal.ended and time.perf_counter() - began < 30 + 6 * count / rate:
                terminal.drain(0.5)
        finally:
            terminal.close()
        if not result.exists():
            return {"failed": True}
        figures: dict[str, Any] = json.loads(result.read_text())
    quarters = figures["cpu_s"]
    return {
        "cpu_s": round(figures["cpu_total_s"], 3),
        "flatness": round(quarters[-1] / max(quarters[0], 1e-6), 3),
        "worst_lag_ms": round(1000 * max(figures["lag_s"]), 1),
        "lag_at_end_ms": round(1000 * figures["lag_at_end_s"], 1),
    }


def main() -> None:
    parser = report.arguments(__doc__, repeats=1)
    parser.add_argument("--quick", action="store_true", help="1,000 tokens at 200 a second only")
    options = parser.parse_args()
    count = 1_000 if options.quick else 4_000
    figures: dict[str, Any] = {"tokens": count, "load_average": round(os.getloadavg()[0], 2)}
    table = [("", "tokens/s", "CPU s", "last/first quarter", "worst lag", "at the end", "ratio")]
    for rate in (200,) if options.quick else (30, 200):
        found = {way: measure(way, rate, count) for way in WAYS}
        base = found["markdownstream"].get("cpu_s")
        for way, of_way in found.items():
            if "cpu_s" not in of_way:
                table.append((way, str(rate), "gave up", "", "", "", ""))
                continue
            of_way["ratio"] = round(of_way["cpu_s"] / base, 3) if base else 0.0
            table.append(
                (
                    way,
                    str(rate),
                    f"{of_way['cpu_s']:.2f}",
                    f"{of_way['flatness']:.2f}",
                    f"{of_way['worst_lag_ms']:.0f} ms",
                    f"{of_way['lag_at_end_ms']:.0f} ms",
                    f"{of_way['ratio']:.2f}",
                )
            )
        figures[f"at_{rate}"] = found
        figures["ratio"] = found["vlmtui"].get("ratio")
    report.show(f"a streaming answer of {count} tokens", figures, table, options.json)


if __name__ == "__main__":
    main()
