"""Time to the first token of a first question whose picture lay in the composer for ten seconds.

vlmtui's engine reads ahead as the chat has it do; llama-server, where it is in the PATH, is sent
the picture with the question. Both have the same files, threads and batch size, and take turns at
going first. Every repetition has a new picture.

    python -m bench.ahead                  # the larger model, minutes
    python -m bench.ahead --model small --pause 1
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench import followup, llama_server, report
from bench.followup import BATCH, CONTEXT, picture
from vlmtui.engine import images
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.engine_requests import Files, Generate, Load, Prepare, Sampling
from vlmtui.messages import ImagePart, user

QUESTION = followup.QUESTIONS[0]
GREEDY = Sampling(temperature=0, max_tokens=followup.ANSWER_TOKENS)
AHEAD, AT_ONCE = "vlmtui", "vlmtui, not ahead"


def ask(engine: EngineClient, path: Path, pause: float | None) -> tuple[float, str]:
    """Attach a picture, ask about it after a pause (None: at once, with nothing read ahead).

    Returns:
        Seconds to the first token, and the answer.
    """
    info = images.inspect(path)
    part = ImagePart(str(path), info.sha256, path.name, info.width, info.height)
    if pause is not None:
        attached = time.perf_counter()
        list(engine.prepare(Prepare((user("", (part,)),))))
        time.sleep(max(0.0, attached + pause - time.perf_counter()))
    text, first = "", 0.0
    began = time.perf_counter()
    for event in engine.generate(Generate((user(QUESTION, (part,)),), GREEDY)):
        if isinstance(event, Delta):
            first = first or time.perf_counter() - began
            text += event.text
    return first, text


def measure(options: argparse.Namespace, model: report.Model) -> dict[str, list[float]]:
    """Seconds to the first token, by side."""
    load = Load(
        Files(str(model.path), str(model.mmproj)),
        model.name,
        ctx=CONTEXT,
        threads=options.threads,
        batch=BATCH,
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engines = [
            stack.enter_context(closing(EngineClient(folder / f"{number}.log")))
            for number in range(2)
        ]
        for engine in engines:
            list(engine.load(load))
        said: dict[str, str] = {}

        def ours(side: str, engine: EngineClient, pause: float | None) -> Callable[[Path], float]:
            def first_token(path: Path) -> float:
                seconds, said[side] = ask(engine, path, pause)
                return seconds

            return first_token

        sides = {
            AHEAD: ours(AHEAD, engines[0], options.pause),
            AT_ONCE: ours(AT_ONCE, engines[1], None),
        }
        if program := shutil.which(llama_server.NAME):
            files = ("-m", str(model.path), "--mmproj", str(model.mmproj))
            same = ("-c", CONTEXT, "-b", BATCH, "-ub", BATCH, "-t", options.threads, "-np", 1)
            url = stack.enter_context(llama_server.serve(program, *files, *map(str, same)))
            converse = followup.server(model, url)
            sides[llama_server.NAME] = lambda path: converse(path)[0].first_token_s
        for first_token in sides.values():
            first_token(picture(folder, 2**32 - 1))
        times: dict[str, list[float]] = {side: [] for side in sides}
        for repeat in range(options.repeats):
            for side in list(sides)[:: 1 if repeat % 2 else -1]:
                times[side].append(sides[side](picture(folder, repeat)))
            if said[AHEAD] != said[AT_ONCE]:
                raise SystemExit(f"answers differ: {said}")
    return times


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    report.add_model(parser, "large")
    parser.add_argument("--pause", type=float, default=10.0, help="seconds before the question")
    options = parser.parse_args()
    model = report.find_model(options.model)
    times = measure(options, model)
    medians = {side: statistics.median(each) for side, each in times.items()}
    peer = list(medians)[-1]
    figures: dict[str, Any] = {
        "model": model.name,
        "threads": options.threads,
        "repeats": options.repeats,
        "pause_s": options.pause,
        "load_average": round(os.getloadavg()[0], 2),
        "time_to_first_token_s": {side: report.spread(each) for side, each in times.items()},
        "peer": peer,
        "ratio": round(medians[AHEAD] / medians[peer], 4),
    }
    table = [("", "first token", "ratio")]
    for side, seconds in medians.items():
        table.append((side, f"{seconds:.3f} s", f"{medians[AHEAD] / seconds:.3f}"))
    title = f"first token of a first question, attached {options.pause:g} s before, {model.name}"
    report.show(f"{title}, median of {options.repeats}", figures, table, options.json)


if __name__ == "__main__":
    main()
