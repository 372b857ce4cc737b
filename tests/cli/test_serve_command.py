"""`vlmtui serve` as it is installed, with the demo model: asked by programs that others wrote."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import PROGRAM, Run
from tests.fakes import TIMEOUT
from vlmtui import demo

SAMPLES = demo.sample_images()
SEEN = "a red circle in the top left"


class Server:
    """The program, and where it answers."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", "--port", "0", *arguments], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.log: list[str] = []
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"http://(\S+)/v1", line):
                self.address = found[1]
                break
        else:
            raise AssertionError(f"it didn't start: {self.log}")
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    @property
    def url(self) -> str:
        return f"http://{self.address}/v1"

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(TIMEOUT)
        self._reading.join(TIMEOUT)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reading.join(TIMEOUT)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def begin(*arguments: str) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def data_url(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def looking(path: Path, text: str = "What is in this picture?") -> list[dict[str, Any]]:
    picture = {"type": "image_url", "image_url": {"url": data_url(path)}}
    return [{"role": "user", "content": [picture, {"type": "text", "text": text}]}]


def test_openais_own_client_talks_about_a_picture_streams_lists_and_cancels(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    openai = pytest.importorskip("openai", reason="it has wheels for Python 3.11 and later")
    key = tmp_path / "key"
    key.write_text("sk-board\n")
    key.chmod(0o600)
    server = start("--api-key-file", str(key))
    with openai.OpenAI(base_url=server.url, api_key="sk-board", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["demo"]
        asked = {"model": "demo", "temperature": 0, "messages": looking(SAMPLES[0])}
        whole = client.chat.completions.create(**asked)
        assert SEEN in whole.choices[0].message.content
        again = client.chat.completions.create(**asked)
        assert again.usage.prompt_tokens_details.cached_tokens > 0
        assert again.choices[0].message.content == whole.choices[0].message.content
        usage = {"stream_options": {"include_usage": True}}
        pieces = list(client.chat.completions.create(**asked, **usage, stream=True))
        words = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
        assert "".join(words) == whole.choices[0].message.content
        assert pieces[-1].usage.completion_tokens == whole.usage.completion_tokens
        stream = client.chat.completions.create(**asked, stream=True)
        next(iter(stream))
        stream.close()  # and the next one is answered
        assert client.chat.completions.create(**asked).choices[0].finish_reason == "stop"
        schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
        light = {"type": "function", "function": {"name": "light", "parameters": schema}}
        made = client.chat.completions.create(**asked, tools=[light], tool_choice="required")
        (call,) = made.choices[0].message.tool_calls
        assert (call.function.name, made.choices[0].finish_reason) == ("light", "tool_calls")
        assert isinstance(json.loads(call.function.arguments)["on"], bool)
        with pytest.raises(openai.BadRequestError, match="doesn't take n") as refused:
            client.chat.completions.create(**asked, n=2)
        assert refused.value.param == "n"
    with (
        openai.OpenAI(base_url=server.url, api_key="sk-other", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_llm_asks_about_a_picture(start: Callable[..., Server], tmp_path: Path) -> None:
    pytest.importorskip("llm", reason="it has wheels for Python 3.11 and later")
    server = start()
    models = "- model_id: board\n  model_name: demo\n  vision: true\n  can_stream: true\n"
    (tmp_path / "extra-openai-models.yaml").write_text(f"{models}  api_base: {server.url}\n")
    done = subprocess.run(
        [sys.executable, "-m", "llm", "-m", "board", "-a", str(SAMPLES[0]), "What is in it?"],
        env={**os.environ, "LLM_USER_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, SEEN in done.stdout) == (0, True), done.stderr


def test_vlmtui_is_a_client_of_its_own(start: Callable[..., Server], run: Run) -> None:
    server = start()
    added = run("models", "add", "--endpoint", f"http://{server.address}", "--name", "board")
    assert added.out == "board/demo\n"
    ended = run("ask", "--model", "board/demo", "--image", SAMPLES[0], "--json", "What is in it?")
    told = json.loads(ended.out)
    assert SEEN in told["text"]
    assert told["stats"]["context_size"] == 2048
    assert told["stats"]["prompt_tokens"] > 80
    again = json.loads(
        run("ask", "--model", "board/demo", "--image", SAMPLES[0], "--json", "What is in it?").out
    )
    assert again["stats"]["reused_tokens"] > 80  # the other client's


def test_sigterm_ends_it_with_its_engine(start: Callable[..., Server]) -> None:
    server = start()
    (engine,) = psutil.Process(server.process.pid).children()
    assert server.end() == 128 + signal.SIGTERM
    assert not engine.is_running()
    assert "Traceback" not in "".join(server.log)


def test_clients_that_come_and_go_at_random_leave_nothing_behind(
    start: Callable[..., Server],
) -> None:
    server = start("--queue", "20")
    assert storm(server.address, clients=8, rounds=6, seed=random.randrange(2**32)) == []
    told = http.client.HTTPConnection(server.address, timeout=TIMEOUT)
    told.request("GET", "/metrics")
    metrics = told.getresponse().read().decode()
    told.close()
    assert "vlmtui_requests_waiting 0" in metrics
    assert server.end() == 128 + signal.SIGTERM
    assert "Traceback" not in "".join(server.log)


def storm(address: str, *, clients: int, rounds: int, seed: int) -> list[str]:
    """Ask about pictures at once, and go away at random; what was answered wrongly."""
    wrong: list[str] = []
    expected = {}
    for path in SAMPLES[:2]:
        expected[path] = _answer(address, path, stream=False, leave_after=None)
    assert len(set(expected.values())) == 2

    def client(number: int) -> None:
        luck = random.Random(seed + number)
        for _ in range(rounds):
            path = luck.choice(list(expected))
            leaving = luck.choice((None, None, 0, 1, 3))
            stream = luck.random() < 0.5
            got = _answer(address, path, stream=stream, leave_after=leaving)
            if leaving is None and got != expected[path]:
                wrong.append(f"seed {seed}: {path.name}: {got!r}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def _answer(address: str, path: Path, *, stream: bool, leave_after: int | None) -> str:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    body = {"messages": looking(path), "temperature": 0, "stream": stream}
    words = []
    with suppress(*[] if leave_after is None else [ConnectionError]):
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        if leave_after == 0:
            connection.close()
            return ""
        response = connection.getresponse()
        assert response.status == 200, response.read()
        if not stream:
            words = [json.loads(response.read())["choices"][0]["message"]["content"]]
        for line in response:
            if line.startswith(b"data: {"):
                if len(words) == leave_after:
                    break
                words.append(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
    connection.close()
    return "".join(words)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--host", "0.0.0.0"), "Without a key, others on the network could use the model"),
        (("--host", "no.such.host.example"), "is not an address of this machine"),
        (("--host", "192.0.2.1", "--api-key-file", "KEY"), "Can't listen at 192.0.2.1"),
        (("--api-key-file", "OPEN"), "Others can read the key"),
        (("--api-key-file", "none"), "The key to this server can't be read"),
        (("--model", "nothing"), "There is no model named 'nothing'"),
    ],
)
def test_what_cant_be_served_says_why(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    for name, mode in (("KEY", 0o600), ("OPEN", 0o644)):
        (tmp_path / name).write_text("sk-1")
        (tmp_path / name).chmod(mode)
    given = [str(tmp_path / each) if each in ("KEY", "OPEN") else each for each in arguments]
    ended = run("serve", "--port", "0", *given)
    assert ended.code == 2
    assert told in ended.err


def test_a_port_that_is_taken_is_told(start: Callable[..., Server], run: Run) -> None:
    port = start().address.rpartition(":")[2]
    ended = run("serve", "--port", port)
    assert (ended.code, f"port {port}: Address already in use" in ended.err) == (2, True)
