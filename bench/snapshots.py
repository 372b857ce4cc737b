"""What the live readings cost: processor time of a snapshot, on the files of several boards.

The monitor runs as in the chat, twenty times as fast; one snapshot a second is what counts.

    python -m bench.snapshots
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench import report
from tests.hardware.boards import BOARDS
from vlmtui.hardware.monitor import Monitor
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE

_INTERVAL_S = 0.05
_BUDGET_S = 0.01
"""1 % of a core at one snapshot a second."""

_ON = ("orin-nano", "agx-orin", "xavier-nx", "agx-xavier", "thor", "nano")


def costs(snapshots: int) -> list[float]:
    """Seconds of processor time that each snapshot took, all threads together."""
    found: list[float] = []
    enough = threading.Event()
    last = 0.0

    def take(_: object) -> None:
        nonlocal last
        now = time.process_time()
        if last:
            found.append(now - last)
        last = now
        if len(found) >= snapshots + 5:
            enough.set()

    monitor = Monitor(os.getpid, take, _INTERVAL_S)
    monitor.start()
    enough.wait()
    monitor.stop()
    return found[5:]  # the first ones find the files


def main() -> None:
    parser = report.arguments(__doc__, repeats=100)
    options = parser.parse_args()
    by_board: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in _ON:
            root = Path(folder) / name
            root.mkdir()
            BOARDS[name](root)
            os.environ[SYSROOT_VARIABLE] = str(root)
            by_board[name] = costs(options.repeats)
        del os.environ[SYSROOT_VARIABLE]
        by_board["this machine"] = costs(options.repeats)
    medians = {name: statistics.median(found) for name, found in by_board.items()}
    figures: dict[str, Any] = {
        "repeats": options.repeats,
        "snapshot_s": {name: report.spread(found) for name, found in by_board.items()},
        "ratio": round(max(medians.values()) / _BUDGET_S, 3),
    }
    table = [("", "a snapshot", "of a core")]
    table += [
        (name, f"{1000 * median:.2f} ms", f"{100 * median:.2f} %")
        for name, median in medians.items()
    ]
    report.show("live readings, one snapshot a second", figures, table, options.json)


if __name__ == "__main__":
    main()
