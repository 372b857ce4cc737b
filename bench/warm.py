"""The same question five times from the shell: `vlmtui ask` with a warm engine, and curl.

    for i in 1 2 3 4 5; do vlmtui ask --image X "…"; done

Each asks with the same files, context, threads and sampling, taking turns; curl asks a llama-server
that runs all the time. Counted is the wall time of the whole command from the second on. What had
to be loaded and encoded for it is told, too. llama-server takes part when it is on the PATH.

    python -m bench.warm                   # the larger model
    python -m bench.warm --model demo
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image

from bench import report
from bench.http_server import ALONE, free_port, running

QUESTION = "Describe the image in one sentence."
CONTEXT = 2048
WORDS = 64
"""Tokens of an answer: some sentences."""

TARGET = 1.3
"""Most that ours may take, as a multiple of curl's."""


def ours(model: report.Model, picture: Path) -> list[str]:
    """The command that asks with a warm engine."""
    return [
        *(sys.executable, "-m", "vlmtui", "ask", "--json"),
        *("--model", str(model.path), "--mmproj", str(model.mmproj)),
        *("--ctx", str(CONTEXT), "--max-tokens", str(WORDS), "--temperature", "0"),
        *("--image", str(picture), QUESTION),
    ]


def theirs(port: int, picture: Path, body: Path) -> list[str]:
    """The same request by curl."""
    url = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    content = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": QUESTION},
    ]
    messages = [{"role": "user", "content": content}]
    body.write_text(
        json.dumps({"messages": messages, "max_tokens": WORDS, "temperature": 0, "top_k": 1})
    )
    address = f"http://127.0.0.1:{port}/v1/chat/completions"
    return ["curl", "-sS", "-H", "Content-Type: application/json", "-d", f"@{body}", address]


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """Wall time of a command in seconds, and the JSON that it printed."""
    began = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, check=True, env={**os.environ, **environment}
    )
    return time.perf_counter() - began, json.loads(done.stdout)


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vw-")))
        (home / "config").mkdir()
        (home / "config" / "config.toml").write_text(f"threads = {options.threads}\n")
        environment = {"VLMTUI_HOME": str(home), "VLMTUI_KEEP_ALIVE": "5"}
        picture = home / "picture.png"
        Image.effect_noise((336, 336), random.uniform(20, 80)).convert("RGB").save(picture)
        commands = {"vlmtui": ours(model, picture)}
        if program := shutil.which("llama-server"):
            port = free_port()
            command = [program, "-m", str(model.path), "--mmproj", str(model.mmproj)]
            command += ["--port", str(port), "-c", str(CONTEXT), "-t", str(options.threads)]
            stack.enter_context(running([*command, *ALONE], port, {}))
            commands["curl, llama-server"] = theirs(port, picture, home / "body.json")
        stop = [sys.executable, "-m", "vlmtui", "engine", "stop", "--now"]
        stack.callback(
            subprocess.run, stop, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        walls: dict[str, list[float]] = {name: [] for name in commands}
        told = []
        for number in range(options.repeats):
            order = list(commands.items())
            for name, command in order if number % 2 else reversed(order):
                wall, said = timed(command, environment)
                walls[name].append(wall)
                if name == "vlmtui":
                    told.append(said["stats"])
    later = {name: times[1:] or times for name, times in walls.items()}
    medians = {name: statistics.median(times) for name, times in later.items()}
    costs = {key: max(stats[key] for stats in told[1:] or told) for key in ("load_s", "encode_s")}
    peer = medians.get("curl, llama-server", medians["vlmtui"])
    report.show(
        f"the same question again and again, {model.name}, {options.threads} threads",
        {
            "repeats": options.repeats,
            "seconds": {name: report.spread(times) for name, times in later.items()},
            "warm": costs,
            "ratio": round(medians["vlmtui"] / peer, 3),
            "target": TARGET,
        },
        [
            ("wall time, s", *walls),
            ("first", *(f"{times[0]:.3f}" for times in walls.values())),
            ("later, median", *(f"{each:.3f}" for each in medians.values())),
            ("loading, later", f"{costs['load_s']:.3f}", *[""] * (len(walls) - 1)),
            ("encoding, later", f"{costs['encode_s']:.3f}", *[""] * (len(walls) - 1)),
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
