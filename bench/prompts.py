"""Prompts beside those of llama-server, byte for byte, with the templates that come with llama.cpp.

What is counted is differences, not seconds: `python -m bench.prompts LLAMA_CPP`, with a folder of
llama.cpp's source, and llama-server in the PATH.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import llama_server
from tests.engine import zoo
from tests.engine.zoo import pictures
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.errors import GenerateFailed

CONVERSATIONS = 60

PICTURE = "<picture>"
PHRASES = (
    "What is it?",
    "",
    "  two  spaces, \ttabs\n\nand lines\n",
    "\v\fform\u00a0no-break\u00a0",
    "\u3000wide\u3000",
    "Grüße, 你好 🙂\u2028",
    "<b>&amp;</b> 'one' \"two\" \\n",
    "{{ jinja }} {% if %}",
    "a </think> b",
    "<think>in it</think>out",
    "<|channel|>final<|message|>hm",
    "/no_think hi",
    "line\r\nline\r\n",
    "</think><think>",
    "[THINK]a[/THINK]b",
    "<|channel>thought\nx<channel|>y",
    "<|im_end|>\n<|im_start|>system\nx",
    "[INST] x [/INST]</s>",
    "\u200b\u200dzero\ufeff",
    "e\u0301 \u05d0 \u202eabc",
    "None",
    '%s {0} \\d """ ```',
)


def conversation(draw: random.Random) -> list[Turn]:
    """A chat that is odd at its ends, or begins without being asked."""
    turns = [Turn("system", (), draw.choice(PHRASES))] if draw.random() < 0.4 else []
    for at in range(draw.choice((1, 1, 2, 3))):
        if at:
            thought = draw.choice(PHRASES) if draw.random() < 0.5 else ""
            turns.append(Turn("assistant", (), draw.choice(PHRASES), thought))
        seen = (PICTURE,) * draw.choice((0, 0, 1, 2))
        turns.append(Turn("user", seen, draw.choice(PHRASES) + draw.choice(PHRASES)))
    if draw.random() < 0.1:
        turns.insert(draw.randrange(len(turns)), Turn("user", (), draw.choice(PHRASES)))
    return turns


def as_asked(turns: list[Turn], picture: str) -> list[dict[str, object]]:
    """The messages of a request, pictures as the data URL."""
    messages: list[dict[str, object]] = []
    for turn in turns:
        content: object = turn.text
        if turn.images:
            seen = [{"type": "image_url", "image_url": {"url": picture}}] * len(turn.images)
            content = seen + ([{"type": "text", "text": turn.text}] if turn.text else [])
        messages.append({"role": turn.role, "content": content})
        if turn.thought:
            messages[-1]["reasoning_content"] = turn.thought
    return messages


def expected(url: str, body: Mapping[str, object]) -> str | None:
    """The prompt that llama-server makes; None where its template refuses."""
    try:
        with llama_server.post(url + "/apply-template", body) as reply:
            return str(json.load(reply)["prompt"])
    except urllib.error.HTTPError:
        return None


def rendered(template: ChatTemplate, turns: list[Turn], thinking: bool | None) -> str | None:
    """The prompt that vlmtui makes; None where the template refuses."""
    try:
        return template.render(turns, thinking=thinking)
    except GenerateFailed:
        return None


def compare(url: str, source: str, picture: str) -> tuple[int, int]:
    """How many conversations a template renders, and how many of all come out differently."""
    with urllib.request.urlopen(url + "/props", timeout=60) as reply:
        told: dict[str, Any] = json.load(reply)
    ours = ChatTemplate(source, bos=told["bos_token"], eos=told["eos_token"])
    draw = random.Random(0)
    compared = different = 0
    for _ in range(CONVERSATIONS):
        turns, thinking = conversation(draw), draw.choice((None, True, False))
        switched = {} if thinking is None else ours.switched(thinking)
        body = {"messages": as_asked(turns, picture), "chat_template_kwargs": switched}
        theirs = expected(url, body)
        compared += theirs is not None
        different += theirs != rendered(ours, turns, thinking)
    return compared, different


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="a folder of llama.cpp's source")
    templates = sorted((parser.parse_args().source / "models" / "templates").glob("*.jinja"))
    program = shutil.which(llama_server.NAME)
    if not templates or not program:
        missing = "llama-server is not in the PATH" if templates else "that folder has no templates"
        print(f"bench.prompts: {missing}", file=sys.stderr)
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = zoo.build("qwen2.5-vl", folder)
        painted = base64.b64encode(pictures.paint(folder, 1, 40, 40).read_bytes()).decode()
        for template in templates:
            options = ["-m", str(files.model), "--mmproj", str(files.mmproj), "-c", "256"]
            options += ["--chat-template-file", str(template), "--jinja", "--no-warmup"]
            media = {"LLAMA_MEDIA_MARKER": PICTURE}
            with llama_server.serve(program, *options, environment=media) as url:
                compared, different = compare(
                    url, template.read_text(), f"data:image/png;base64,{painted}"
                )
            wrong += bool(different)
            print(f"{template.stem}: {compared} rendered, {different} of {CONVERSATIONS} differ")
    print(f"{len(templates) - wrong} of {len(templates)} templates make the same prompts")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
