"""Prompts beside those of llama-server, byte for byte, with the templates of llama.cpp.

Neither comes with vlmtui: `LLAMA_CPP` names a folder of llama.cpp's source, and `llama-server` is
looked for on the PATH.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import zoo
from tests.engine.zoo import pictures
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.errors import GenerateFailed

TEMPLATES = sorted(
    Path(os.environ.get("LLAMA_CPP", "/nowhere"), "models/templates").glob("*.jinja")
)
SERVER = shutil.which("llama-server") or ""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TEMPLATES, reason="LLAMA_CPP names no folder of llama.cpp's source"),
    pytest.mark.skipif(not SERVER, reason="no llama-server on the PATH"),
]

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


class Unix(http.client.HTTPConnection):
    """HTTP over a socket in a folder."""

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


class Server:
    """A llama-server with a model of the zoo and a template."""

    def __init__(self, files: zoo.Files, template: Path, folder: Path) -> None:
        self.address = str(folder / "llama.sock")
        self.log = folder / "log"
        command = [SERVER, "-m", files.model, "--mmproj", files.mmproj, "--host", self.address]
        command += ["--chat-template-file", template, "--jinja", "-c", "256", "--no-warmup"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "LLAMA_MEDIA_MARKER": PICTURE}
            )
        while self.ask("GET", "/health") is None:
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def prompt(self, turns: list[Turn], picture: str, variables: dict[str, object]) -> str | None:
        """What it would have a model read; None where its template refuses."""
        body = {"messages": as_asked(turns, picture), "chat_template_kwargs": variables}
        answer = self.ask("POST", "/apply-template", body)
        return None if answer is None else answer["prompt"]

    def ask(self, method: str, path: str, body: object = None) -> dict[str, str] | None:
        """What it answers; None where it doesn't, or refuses."""
        connection = Unix(self.address)
        try:
            connection.request(method, path, json.dumps(body))
            response = connection.getresponse()
            answer: dict[str, str] = json.loads(response.read())
        except OSError:
            return None
        finally:
            connection.close()
        return answer if response.status == 200 else None

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> zoo.Files:
    return zoo.build("qwen2.5-vl", tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def server(
    request: pytest.FixtureRequest, files: zoo.Files, tmp_path: Path
) -> Iterator[tuple[Server, ChatTemplate]]:
    serving = Server(files, request.param, tmp_path)
    told = serving.ask("GET", "/props") or {}
    source = request.param.read_text()
    yield serving, ChatTemplate(source, bos=told["bos_token"], eos=told["eos_token"])
    serving.close()


@pytest.mark.parametrize("server", TEMPLATES, indirect=True, ids=lambda path: path.stem)
def test_a_prompt_is_that_of_llama_server(
    server: tuple[Server, ChatTemplate], tmp_path: Path
) -> None:
    theirs, ours = server
    seen = base64.b64encode(pictures.paint(tmp_path, 1, 40, 40).read_bytes()).decode()
    draw = random.Random(0)
    compared = 0
    for _ in range(60):
        turns, thinking = conversation(draw), draw.choice((None, True, False))
        switched = {} if thinking is None else ours.switched(thinking)
        expected = theirs.prompt(turns, f"data:image/png;base64,{seen}", switched)
        if expected is None:
            with pytest.raises(GenerateFailed):
                ours.render(turns, thinking=thinking)
        else:
            assert ours.render(turns, thinking=thinking) == expected
            compared += 1
    assert compared > 40
