"""First token and throughput over HTTP with one client: `vlmtui serve` and llama-server.

Both have the same files, context and threads, and are asked the same, taking turns, by a client
with a connection for each request. Every repetition has a new picture, so that its first question
is cold on both sides. llama-server takes part when it is on the PATH.

    python -m bench.http_server            # the larger model, minutes
    python -m bench.http_server --model demo
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from PIL import Image

from bench import report

QUESTIONS = ("Describe the image in one sentence.", "And what else?")
CONTEXT = 2048
WORDS = 64
"""Tokens of the answer that throughput is taken from."""

OURS = (sys.executable, "-m", "vlmtui", "serve", "--keep-alive", "0")
ALONE = ("-np", "1", "--no-webui")

Message = dict[str, Any]


class Server:
    """A server, asked by one client."""

    def __init__(self, port: int) -> None:
        self._port = port

    def picture(self, url: str) -> list[float]:
        """Seconds to the first word of two questions about a picture."""
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": QUESTIONS[0]},
        ]
        messages: list[Message] = [{"role": "user", "content": content}]
        first, _, text = self._ask(messages, 16)
        messages += [{"role": "assistant", "content": text}]
        messages += [{"role": "user", "content": QUESTIONS[1]}]
        return [first, self._ask(messages, 16)[0]]

    def throughput(self) -> float:
        """Tokens per second of a text, the request whole: from its sending to its end."""
        text = f"Tell me story number {random.randrange(10**6)}."
        _, rate, _ = self._ask([{"role": "user", "content": text}], WORDS)
        return rate

    def _ask(self, messages: Sequence[Message], tokens: int) -> tuple[float, float, str]:
        """Seconds to the first word, tokens per second of all, and the words."""
        body = {
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": tokens,
            # among all tokens alike, so that a model hardly ever ends its answer early
            "temperature": 50,
            "top_k": 0,
            "top_p": 1,
            "min_p": 0,
            "seed": 1,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        began = time.perf_counter()
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        assert response.status == 200, response.read()
        first, made, words = 0.0, 0, []
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            piece = json.loads(line[6:])
            if usage := piece.get("usage"):
                made = usage["completion_tokens"]
            choices = piece["choices"]
            if choices and (word := choices[0]["delta"].get("content")):
                first = first or time.perf_counter() - began
                words.append(word)
        seconds = time.perf_counter() - began
        connection.close()
        return first or seconds, made / seconds, "".join(words)


@contextmanager
def running(command: Sequence[str], port: int, environment: dict[str, str]) -> Iterator[Server]:
    """A server's process, once it answers."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        for _ in range(1200):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            try:
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.1)  # llama-server answers while it loads, that it does
        yield Server(port)
    finally:
        process.terminate()
        process.wait()


def servers(model: report.Model, threads: int) -> dict[str, tuple[list[str], int]]:
    """The commands, and the ports they listen on."""
    ours, theirs = free_port(), free_port()
    files = ["--model", str(model.path), "--mmproj", str(model.mmproj)]
    found = {
        "vlmtui": (
            [*OURS, *files, "--port", str(ours), "--ctx", str(CONTEXT)],
            ours,
        )
    }
    if program := shutil.which("llama-server"):
        found["llama-server"] = (
            [
                program,
                *files,
                "--port",
                str(theirs),
                "-c",
                str(CONTEXT),
                "-t",
                str(threads),
                *ALONE,
            ],
            theirs,
        )
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _new_picture() -> str:
    """A picture that nobody has seen, as its address."""
    picture = Image.effect_noise((336, 336), random.uniform(20, 80)).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        settings = os.path.join(home, "config", "config.toml")
        os.makedirs(os.path.dirname(settings))
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f"threads = {options.threads}\n")
        sides = {
            name: stack.enter_context(running(command, port, {"VLMTUI_HOME": home}))
            for name, (command, port) in servers(model, options.threads).items()
        }
        seen: dict[str, dict[str, list[float]]] = {
            name: {"cold": [], "warm": [], "rate": []} for name in sides
        }
        for side in sides.values():  # what is only done once
            side.picture(_new_picture())
        for number in range(options.repeats):
            url = _new_picture()
            order = list(sides.items())
            for name, side in order if number % 2 else reversed(order):
                cold, warm = side.picture(url)
                seen[name]["cold"].append(cold)
                seen[name]["warm"].append(warm)
                seen[name]["rate"].append(side.throughput())
    labels = {
        "cold": "first word about a new picture, s",
        "warm": "first word of a follow-up, s",
        "rate": f"tokens/s of {WORDS} tokens, request whole",
    }
    rows = [("", *sides)]
    for key, label in labels.items():
        rows.append((label, *(f"{statistics.median(each[key]):.3f}" for each in seen.values())))
    peer = seen.get("llama-server", seen["vlmtui"])
    report.show(
        f"over HTTP, {model.name}, {options.threads} threads, one client",
        {
            "repeats": options.repeats,
            "seconds": {
                name: {key: report.spread(values) for key, values in each.items()}
                for name, each in seen.items()
            },
            "ratio": round(
                statistics.median(seen["vlmtui"]["rate"]) / statistics.median(peer["rate"]), 3
            ),
        },
        rows,
        options.json,
    )


if __name__ == "__main__":
    main()
