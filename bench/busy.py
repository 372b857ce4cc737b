"""Decode speed beside busy loops: as many threads as the machine has free, and a fixed number.

The same model and question with 0, 1, 2 and 4 programs that do nothing but spin; the sides take
turns. "fixed" has a thread for each core whatever else runs, as llama.cpp does by itself. The fair
share is what the cores give our threads when all get the same, as a part of the idle speed; the
target is half of that, and 0.97 of "fixed" on an idle machine. llama-server takes part when it is
in the PATH.

    python -m bench.busy
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import llama_server, report
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.messages import user

LOOPS = (0, 1, 2, 4)
TOKENS = 64
MOST_S = 4.0
"""Seconds of one measurement; two threads beside two loops make one token in as long."""

PROMPT = "Tell me a long story."
_LOOP = (sys.executable, "-c", "while True: pass")

Measure = Callable[[], float]
"""Tokens per second."""


@contextmanager
def engine(model: report.Model, threads: int) -> Iterator[Measure]:
    """Ours, with a fixed number of threads, or with 0 as it sees fit."""
    with tempfile.TemporaryDirectory() as folder:
        client = EngineClient(Path(folder) / "engine.log")
        for _ in client.load(Load(Files(str(model.path)), model.name, ctx=512, threads=threads)):
            pass
        sampling = Sampling(temperature=50, top_k=0, top_p=1, min_p=0, seed=1, max_tokens=TOKENS)

        def measure() -> float:
            arrived: list[tuple[float, int]] = []
            for event in client.generate(Generate((user(PROMPT),), sampling)):
                if isinstance(event, Delta):
                    arrived.append((time.perf_counter(), event.tokens))
                    if arrived[-1][0] - arrived[0][0] > MOST_S:
                        client.cancel()
            (began, first), (ended, last) = arrived[0], arrived[-1]
            return (last - first) / (ended - began) if last > first else 0.0

        yield measure
        client.close()


@contextmanager
def server(model: report.Model, program: str) -> Iterator[Measure]:
    """llama-server with its own choice of threads."""
    with llama_server.serve(program, "-m", str(model.path), "-c", "512") as url:

        def measure() -> float:
            body = {"prompt": PROMPT, "n_predict": 12, "ignore_eos": True}
            with llama_server.post(url + "/completion", body) as reply:
                speed: float = json.load(reply)["timings"]["predicted_per_second"]
                return speed

        yield measure


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Some programs that spin."""
    processes = [subprocess.Popen(_LOOP) for _ in range(loops)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    parser = report.arguments(__doc__, repeats=3)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    cores = options.threads
    with ExitStack() as stack:
        sides = {
            "vlmtui": stack.enter_context(engine(model, 0)),
            "fixed": stack.enter_context(engine(model, cores)),
        }
        if program := shutil.which("llama-server"):
            sides["llama-server"] = stack.enter_context(server(model, program))
        speeds: dict[int, dict[str, list[float]]] = {}
        for loops in LOOPS:
            speeds[loops] = {name: [] for name in sides}
            with busy(loops):
                for _ in range(options.repeats):
                    for name, measure in sides.items():
                        speeds[loops][name].append(measure())
    best = max(statistics.median(each) for each in speeds[0].values())
    rows = [("busy loops", *sides, "fair share")]
    for loops, by_side in speeds.items():
        share = min(1.0, cores / (cores + loops)) * best
        medians = (f"{statistics.median(each):.1f}" for each in by_side.values())
        rows.append((str(loops), *medians, f"{share:.1f}"))
    report.show(
        f"decode speed on a busy machine, {model.name}, {cores} cores, tokens/s",
        {
            "speeds": {
                str(loops): {name: report.spread(each) for name, each in by_side.items()}
                for loops, by_side in speeds.items()
            },
            "ratio": round(statistics.median(speeds[0]["vlmtui"]) / best, 3),
        },
        rows,
        options.json,
    )


if __name__ == "__main__":
    main()
