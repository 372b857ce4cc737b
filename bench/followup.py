"""Time to first token of three turns about one picture: vlmtui's engine beside its peers.

All answer the same questions about the same picture with the same model, threads and batch size, in
one run, taking turns at going first. Every repetition has a new picture, so that the first turn is
cold on all sides. The peers are llama-cpp-python's MTMDChatHandler, and llama-server when it is in
the PATH. `hybrid` has recurrent layers, which can't go back, and a template that drops the empty
thought before old answers, so that each follow-up has to; llama-server is its only peer then.

    python -m bench.followup            # the larger model, minutes
    python -m bench.followup --model hybrid
    python -m bench.followup --model demo
"""

from __future__ import annotations

import base64
import ctypes
import io
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from bench import llama_server, make_model, report
from vlmtui.engine import images
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Finished
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.messages import ImagePart, Message, assistant, user

QUESTIONS = (
    "Describe the image in one sentence.",
    "What color is the shape on the left?",
    "How many shapes are there in the image?",
)
ANSWER_TOKENS = 24
CONTEXT = 2048
BATCH = 512
OURS, HANDLER = "vlmtui", "MTMDChatHandler"
PICTURE, HYBRIDS_PICTURE = (480, 360), (736, 704)
"""Pixels; the second are 506 tokens of a hybrid's."""

_QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)


class Turn(NamedTuple):
    """A question and its answer."""

    first_token_s: float
    prompt: int = 0
    """Tokens of the prompt; 0 where the side doesn't tell."""

    read: int = 0
    """Those of them that were not in its cache."""


Conversation = Callable[[Path], list[Turn]]
"""Asks the questions about a picture."""


def ours(model: report.Model, threads: int, engine: EngineClient) -> Conversation:
    """Through the public engine, process and socket included."""
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

    def converse(picture: Path) -> list[Turn]:
        info = images.inspect(picture)
        part = ImagePart(str(picture), info.sha256, picture.name, info.width, info.height)
        messages: list[Message] = []
        turns = []
        for turn, question in enumerate(QUESTIONS):
            messages.append(user(question, () if turn else (part,)))
            text, first = "", 0.0
            started = time.perf_counter()
            for event in engine.generate(Generate(tuple(messages), sampling)):
                if isinstance(event, Delta):
                    first = first or time.perf_counter() - started
                    text += event.text
                elif isinstance(event, Finished):
                    prompt = event.stats.prompt_tokens
                    turns.append(Turn(first, prompt, prompt - event.stats.reused_tokens))
            messages.append(assistant(text))
        return turns

    return converse


def handler(model: report.Model, threads: int) -> Conversation:
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

    def answer(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        yield from llama.create_chat_completion(
            messages, temperature=0, repeat_penalty=1.0, max_tokens=ANSWER_TOKENS, stream=True
        )

    return lambda picture: _converse(answer, picture)


def server(model: report.Model, url: str) -> Conversation:
    """With llama-server, over its stream."""

    def answer(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        body = {
            "messages": messages,
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS,
            "stream": True,
            "timings_per_token": True,
        }
        with llama_server.post(url + "/v1/chat/completions", body) as reply:
            for line in reply:
                if line.startswith(b"data: {"):
                    yield json.loads(line.removeprefix(b"data: "))

    return lambda picture: _converse(answer, picture)


def _converse(
    answer: Callable[[list[dict[str, Any]]], Iterator[dict[str, Any]]], picture: Path
) -> list[Turn]:
    """A conversation with something that speaks as OpenAI does."""
    url = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    messages: list[dict[str, Any]] = []
    turns = []
    for turn, question in enumerate(QUESTIONS):
        content: list[dict[str, Any]] = [{"type": "text", "text": question}]
        if not turn:
            content.insert(0, {"type": "image_url", "image_url": {"url": url}})
        messages.append({"role": "user", "content": content})
        text, first, timings = "", 0.0, {"prompt_n": 0, "cache_n": 0}
        started = time.perf_counter()
        for chunk in answer(messages):
            timings = chunk.get("timings", timings)
            if chunk["choices"] and (piece := chunk["choices"][0]["delta"].get("content")):
                first = first or time.perf_counter() - started
                text += piece
        read = timings["prompt_n"]
        turns.append(Turn(first, read + timings["cache_n"], read))
        messages.append({"role": "assistant", "content": text})
    return turns


def picture(folder: Path, seed: int, size: tuple[int, int] = PICTURE) -> Path:
    """A picture that nobody has encoded before."""
    noise = random.Random(seed).randbytes(48 * 36 * 3)
    path = folder / f"{seed}.png"
    content = io.BytesIO()
    Image.frombytes("RGB", (48, 36), noise).resize(size).save(content, "PNG")
    path.write_bytes(content.getvalue())
    return path


def measure(model: report.Model, threads: int, repeats: int) -> dict[str, list[list[Turn]]]:
    """The turns of each conversation of each side."""
    is_hybrid = any(name in model.name for name in make_model.HYBRIDS)
    size = HYBRIDS_PICTURE if is_hybrid else PICTURE
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(closing(EngineClient(folder / "engine.log")))
        sides = {OURS: ours(model, threads, engine)}
        program = shutil.which(llama_server.NAME)
        if not (is_hybrid and program):
            sides[HANDLER] = handler(model, threads)
        if program:
            files = ("-m", str(model.path), "--mmproj", str(model.mmproj))
            same = ("-c", CONTEXT, "-b", BATCH, "-ub", BATCH, "-t", threads, "-np", 1)
            url = stack.enter_context(llama_server.serve(program, *files, *map(str, same)))
            sides[llama_server.NAME] = server(model, url)
        for converse in sides.values():
            converse(picture(folder, 2**32 - 1, size))
        turns: dict[str, list[list[Turn]]] = {side: [] for side in sides}
        for repeat in range(repeats):
            order = list(sides)[:: 1 if repeat % 2 else -1]
            for side in order:
                turns[side].append(sides[side](picture(folder, repeat, size)))
    return turns


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    conversations = measure(model, options.threads, options.repeats)
    by_turn = {side: list(zip(*each, strict=True)) for side, each in conversations.items()}
    medians = {
        side: [statistics.median(turn.first_token_s for turn in turns) for turns in each]
        for side, each in by_turn.items()
    }
    ratios = {
        side: [round(a / b, 4) for a, b in zip(medians[OURS], each, strict=True)]
        for side, each in medians.items()
        if side != OURS
    }
    peer = list(ratios)[-1]
    figures = {
        "model": model.name,
        "threads": options.threads,
        "repeats": options.repeats,
        "load_average": round(os.getloadavg()[0], 2),
        "time_to_first_token_s": {
            side: [report.spread([turn.first_token_s for turn in turns]) for turns in each]
            for side, each in by_turn.items()
        },
        "read_of_prompt": {
            side: [[turns[-1].read, turns[-1].prompt] for turns in each]
            for side, each in by_turn.items()
            if side != HANDLER
        },
        "ratios": ratios,
        "ratio": ratios[peer][1],
    }
    table: list[tuple[str, ...]] = [("turn", *medians, *(f"to {side}" for side in ratios))]
    for turn in range(len(QUESTIONS)):
        cells = []
        for side, each in medians.items():
            told = by_turn[side][turn][-1]
            read = f", {told.read} of {told.prompt}" if told.prompt else ""
            cells.append(f"{each[turn]:.3f} s{read}")
        table.append((str(turn + 1), *cells, *(f"{each[turn]:.3f}" for each in ratios.values())))
    title = f"time to first token and tokens read of the prompt, {model.name}, "
    report.show(f"{title}median of {options.repeats}", figures, table, options.json)


if __name__ == "__main__":
    main()
