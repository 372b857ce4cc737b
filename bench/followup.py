"""Time to first token of three turns about one picture: vlmtui's engine and MTMDChatHandler.

Both answer the same questions about the same picture with the same model, threads and batch size,
in one run, taking turns at going first. Every repetition has a new picture, so that the first turn
is cold on both sides.

    python -m bench.followup            # the larger model, minutes
    python -m bench.followup --model demo
"""

from __future__ import annotations

import base64
import ctypes
import io
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from bench import report
from vlmtui.engine import images
from vlmtui.engine.base import Delta, Files, Generate, Load, Sampling
from vlmtui.engine.client import EngineClient
from vlmtui.messages import ImagePart, Message, assistant, user

QUESTIONS = (
    "Describe the image in one sentence.",
    "What color is the shape on the left?",
    "How many shapes are there in the image?",
)
ANSWER_TOKENS = 24
CONTEXT = 2048
BATCH = 512

_QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)

Conversation = Callable[[Path], list[float]]
"""Asks the questions about a picture; returns seconds to the first token of each answer."""


def ours(model: report.Model, threads: int, log: Path) -> tuple[Conversation, EngineClient]:
    """Through the public engine, process and socket included."""
    engine = EngineClient(log)
    load = Load(
        Files(str(model.path), str(model.mmproj)),
        model.name,
        ctx=CONTEXT,
        threads=threads,
        batch=BATCH,
    )
    for _ in engine.load(load):
        pass
    sampling = Sampling(temperature=0, max_tokens=ANSWER_TOKENS)

    def converse(picture: Path) -> list[float]:
        info = images.inspect(picture)
        part = ImagePart(str(picture), info.sha256, picture.name, info.width, info.height)
        messages: list[Message] = []
        first_tokens = []
        for turn, question in enumerate(QUESTIONS):
            messages.append(user(question, () if turn else (part,)))
            text = ""
            started = time.perf_counter()
            for event in engine.generate(Generate(tuple(messages), sampling)):
                if isinstance(event, Delta):
                    if not text:
                        first_tokens.append(time.perf_counter() - started)
                    text += event.text
            messages.append(assistant(text))
        return first_tokens

    return converse, engine


def theirs(model: report.Model, threads: int) -> Conversation:
    """With the chat handler that llama-cpp-python brings, used as its documentation shows."""
    from llama_cpp import Llama, mtmd_cpp
    from llama_cpp.llama_chat_format import MTMDChatHandler

    # it would write to the terminal whatever `verbose` says
    mtmd_cpp.mtmd_helper_log_set(_QUIET, None)
    llama: Any = Llama(  # its types want each message spelt out
        str(model.path),
        chat_handler=MTMDChatHandler(str(model.mmproj), verbose=False),
        n_ctx=CONTEXT,
        n_batch=BATCH,
        n_threads=threads,
        n_threads_batch=threads,
        verbose=False,
    )

    def converse(picture: Path) -> list[float]:
        url = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
        messages: list[dict[str, Any]] = []
        first_tokens = []
        for turn, question in enumerate(QUESTIONS):
            content: list[dict[str, Any]] = [{"type": "text", "text": question}]
            if not turn:
                content.insert(0, {"type": "image_url", "image_url": {"url": url}})
            messages.append({"role": "user", "content": content})
            text = ""
            started = time.perf_counter()
            for chunk in llama.create_chat_completion(
                messages, temperature=0, repeat_penalty=1.0, max_tokens=ANSWER_TOKENS, stream=True
            ):
                if piece := chunk["choices"][0]["delta"].get("content"):
                    if not text:
                        first_tokens.append(time.perf_counter() - started)
                    text += piece
            messages.append({"role": "assistant", "content": text})
        return first_tokens

    return converse


def picture(folder: Path, seed: int) -> Path:
    """A picture that nobody has encoded before, 480x360 pixels."""
    noise = random.Random(seed).randbytes(48 * 36 * 3)
    path = folder / f"{seed}.png"
    content = io.BytesIO()
    Image.frombytes("RGB", (48, 36), noise).resize((480, 360)).save(content, "PNG")
    path.write_bytes(content.getvalue())
    return path


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    times: dict[str, list[list[float]]] = {"vlmtui": [], "MTMDChatHandler": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        converse, engine = ours(model, options.threads, folder / "engine.log")
        sides = {"vlmtui": converse, "MTMDChatHandler": theirs(model, options.threads)}
        for converse in sides.values():
            converse(picture(folder, -1 % 2**32))
        for repeat in range(options.repeats):
            order = list(sides) if repeat % 2 else list(reversed(sides))
            for side in order:
                times[side].append(sides[side](picture(folder, repeat)))
        engine.close()

    medians = {
        side: [statistics.median(turn) for turn in zip(*rounds, strict=True)]
        for side, rounds in times.items()
    }
    ratios = [a / b for a, b in zip(medians["vlmtui"], medians["MTMDChatHandler"], strict=True)]
    figures = {
        "model": model.name,
        "threads": options.threads,
        "repeats": options.repeats,
        "load_average": round(os.getloadavg()[0], 2),
        "time_to_first_token_s": {
            side: [report.spread(turn) for turn in zip(*rounds, strict=True)]
            for side, rounds in times.items()
        },
        "ratios": [round(ratio, 4) for ratio in ratios],
        "ratio": round(ratios[1], 4),
    }
    table: list[tuple[str, ...]] = [("turn", "vlmtui", "MTMDChatHandler", "ratio")]
    for turn, ratio in enumerate(ratios):
        seconds = (f"{medians[side][turn]:.3f} s" for side in ("vlmtui", "MTMDChatHandler"))
        table.append((str(turn + 1), *seconds, f"{ratio:.3f}"))
    title = f"time to first token, {model.name}, median of {options.repeats}"
    report.show(title, figures, table, options.json)


if __name__ == "__main__":
    main()
