"""Runs every benchmark, one after the other, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys

from bench import report

BENCHMARKS = (
    "startup",
    "followup",
    "ahead",
    "restart",
    "decode",
    "busy",
    "chats",
    "longchat",
    "stream",
    "keys",
    "reading_keys",
    "line",
    "snapshots",
    "pictures",
    "warm",
    "http_server",
)


def main() -> int:
    parser = report.arguments(__doc__, repeats=5)
    options = parser.parse_args()
    results = []
    for name in BENCHMARKS:
        command = [sys.executable, "-m", f"bench.{name}", "--repeats", str(options.repeats)]
        done = subprocess.run(
            [*command, *(["--json"] if options.json else [])],
            stdout=subprocess.PIPE if options.json else None,
            text=True,
        )
        if done.returncode:
            return done.returncode
        if options.json:
            results.append(json.loads(done.stdout))
    if options.json:
        print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
