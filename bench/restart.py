"""The next question of a chat with five pictures, after its engine was killed and started again.

vlmtui brings the state of the chat back from the disk, whose cache is dropped first. llama-server,
where it is in the PATH, is asked to save and restore its slot (`--slot-save-path`); where it can't,
it reads the chat anew. Loading the model is not counted.

    python -m bench.restart                # the larger model, minutes
    python -m bench.restart --model demo
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import tempfile
import time
import urllib.error
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from bench import followup, llama_server, report
from bench.followup import BATCH, picture
from vlmtui.engine import images
from vlmtui.engine.cache_folder import CacheFolder
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Encoding, Finished
from vlmtui.engine.engine_requests import DiskCache, Files, Generate, Load, Prepare, Sampling
from vlmtui.messages import ImagePart, Message, assistant, user

PICTURES = 5
CONTEXT = 4096
LAST = "Which of them was the brightest?"
CHAT = "chat"
GREEDY = Sampling(temperature=0, max_tokens=followup.ANSWER_TOKENS)
_TIMEOUT_S = 60.0


class Outcome(dict[str, Any]):
    """What the last question took."""


def ask(engine: EngineClient, messages: Sequence[Message]) -> Outcome:
    """Ask the last message."""
    text, first, encoded = "", 0.0, 0
    stats = None
    began = time.perf_counter()
    for event in engine.generate(Generate(tuple(messages), GREEDY, chat=CHAT)):
        encoded += isinstance(event, Encoding)
        if isinstance(event, Delta):
            first = first or time.perf_counter() - began
            text += event.text
        elif isinstance(event, Finished):
            stats = event.stats
    assert stats is not None
    read = stats.prompt_tokens - stats.reused_tokens
    return Outcome(seconds=first, encoded=encoded, read=read, text=text)


def ours(load: Load, folder: Path, pictures: Sequence[Path]) -> dict[str, Outcome]:
    """After a kill; by the engine itself before; and by one that never knew the chat."""
    cache = folder / "cache"
    kept = msgspec.structs.replace(load, disk_cache=DiskCache(str(cache), 10**9))
    messages: list[Message] = []
    with closing(EngineClient(folder / "first.log")) as engine:
        list(engine.load(kept))
        for path in pictures:
            info = images.inspect(path)
            part = ImagePart(str(path), info.sha256, path.name, info.width, info.height)
            messages.append(user(followup.QUESTIONS[0], (part,)))
            messages.append(assistant(ask(engine, messages)["text"]))
            list(engine.prepare(Prepare(tuple(messages), chat=CHAT)))
        state = CacheFolder(cache).find("chat", CHAT)
        _wait_for_stillness(state)
        messages.append(user(LAST))
        running = ask(engine, messages)
        os.kill(engine.pid or 0, 9)
    _drop_from_memory(state)
    with closing(EngineClient(folder / "second.log")) as engine:
        list(engine.load(kept))
        warm = ask(engine, messages)
    with closing(EngineClient(folder / "cold.log")) as engine:
        list(engine.load(load))
        cold = ask(engine, messages)
    warm["bytes"] = state.stat().st_size
    with suppress(OSError, ValueError):
        warm["disk_bytes_per_s"] = float((cache / "read-speed").read_text())
    return {"vlmtui": warm, "vlmtui, not killed": running, "vlmtui, no cache": cold}


def _wait_for_stillness(path: Path) -> None:
    """Wait until nothing is written any more."""
    deadline = time.monotonic() + _TIMEOUT_S
    still = 0
    seen: tuple[int, int] | None = None
    while still < 20 and time.monotonic() < deadline:
        time.sleep(0.25)
        now = None
        with suppress(OSError):
            status = path.stat()
            now = (status.st_ino, status.st_size)
        drafts = list(path.parent.glob(".chat-*"))
        still = still + 1 if now == seen and now is not None and not drafts else 0
        seen = now


def _drop_from_memory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def theirs(
    program: str, model: report.Model, options: argparse.Namespace, folder: Path,
    pictures: Sequence[Path],
) -> Outcome:  # fmt: skip
    """llama-server, killed and started again."""
    slots = folder / "slots"
    slots.mkdir()
    files = ("-m", str(model.path), "--mmproj", str(model.mmproj), "--slot-save-path", str(slots))
    same = ("-c", CONTEXT, "-b", BATCH, "-ub", BATCH, "-t", options.threads, "-np", 1)
    arguments = (*files, *map(str, same))
    messages: list[dict[str, Any]] = []
    with llama_server.serve(program, *arguments) as url:
        for path in pictures:
            data = base64.b64encode(path.read_bytes()).decode()
            shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
            text = {"type": "text", "text": followup.QUESTIONS[0]}
            messages.append({"role": "user", "content": [shown, text]})
            messages.append({"role": "assistant", "content": _say(url, messages)["text"]})
        saved = _slot(url, "save")
    messages.append({"role": "user", "content": LAST})
    with llama_server.serve(program, *arguments) as url:
        began = time.perf_counter()
        restored = _slot(url, "restore") if saved == "done" else "nothing to restore"
        restoring = time.perf_counter() - began if restored == "done" else 0.0
        outcome = _say(url, messages)
    outcome["seconds"] += restoring
    return Outcome(outcome, slot_save=saved, slot_restore=restored)


def _slot(url: str, action: str) -> str:
    try:
        with llama_server.post(f"{url}/slots/0?action={action}", {"filename": "chat.bin"}) as reply:
            reply.read()
            return "done"
    except urllib.error.HTTPError as error:
        return f"{error.code}: {error.read().decode(errors='replace')[:200]}"


def _say(url: str, messages: Sequence[dict[str, Any]]) -> Outcome:
    body = {
        "messages": list(messages), "temperature": 0, "max_tokens": followup.ANSWER_TOKENS,
        "stream": True, "timings_per_token": True,
    }  # fmt: skip
    text, first, read = "", 0.0, 0
    began = time.perf_counter()
    with llama_server.post(url + "/v1/chat/completions", body) as reply:
        for line in reply:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line.removeprefix(b"data: "))
            read = chunk.get("timings", {}).get("prompt_n", read)
            if chunk["choices"] and (piece := chunk["choices"][0]["delta"].get("content")):
                first = first or time.perf_counter() - began
                text += piece
    return Outcome(seconds=first, read=read, text=text)


def main() -> None:
    parser = report.arguments(__doc__, repeats=1)
    report.add_model(parser, "large")
    options = parser.parse_args()
    model = report.find_model(options.model)
    load = Load(
        Files(str(model.path), str(model.mmproj)),
        model.name,
        ctx=CONTEXT if options.model != "demo" else 0,
        threads=options.threads,
        batch=BATCH,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = [picture(folder, seed) for seed in range(PICTURES)]
        sides = ours(load, folder, pictures)
        if program := shutil.which(llama_server.NAME):
            sides[llama_server.NAME] = theirs(program, model, options, folder, pictures)
    warm = sides["vlmtui"]
    # one that reads old answers as a prompt may round otherwise than one that wrote them
    same = {
        side: warm["text"] == each["text"] for side, each in sides.items() if "vlmtui, " in side
    }
    speed = warm.get("disk_bytes_per_s")
    bound = 1.0 + (warm["bytes"] / speed if speed else 0.0)
    figures: dict[str, Any] = {
        "model": model.name,
        "threads": options.threads,
        "repeats": 1,
        "load_average": round(os.getloadavg()[0], 2),
        "sides": {
            side: {name: figure for name, figure in each.items() if name != "text"}
            for side, each in sides.items()
        },
        "same_answer": same,
        "bound_s": round(bound, 3),
        "ratio": round(warm["seconds"] / bound, 3),
    }  # fmt: skip
    table = [("", "first token", "encoded", "tokens read")]
    for side, each in sides.items():
        encoded = str(each.get("encoded", ""))
        table.append((side, f"{each['seconds']:.3f} s", encoded, str(each["read"])))
    title = (
        f"a question after kill -9, {PICTURES} pictures, {model.name}; bound {bound:.2f} s, "
        f"same answer as not killed: {same['vlmtui, not killed']}"
    )
    report.show(title, figures, table, options.json)


if __name__ == "__main__":
    main()
