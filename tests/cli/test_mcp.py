"""`vlmtui mcp`: what agents may ask of it, and what they may see."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from tests.cli.conftest import PROGRAM, Run
from tests.fakes import LOAD, TIMEOUT, FakeEngine, Gate, answer
from vlmtui import demo
from vlmtui.engine.engine_events import Delta
from vlmtui.engine.engine_requests import Sampling
from vlmtui.mcp import tool_server
from vlmtui.mcp.look_tool import LookTool
from vlmtui.mcp.tool_server import ToolServer

PICTURES = demo.sample_images()[0].parent
SAMPLE = demo.sample_images()[0].name


def request(number: object, method: str, **params: Any) -> bytes:
    asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(asked).encode() + b"\n"


def look(number: object, picture: str, question: str = "What is in this picture?") -> bytes:
    arguments = {"picture": picture, "question": question}
    return request(number, "tools/call", name="look", arguments=arguments)


class Agent:
    """What an agent says to a server in this process, and hears of it."""

    def __init__(self, engine: FakeEngine, *directories: Path) -> None:
        self._said: SimpleQueue[bytes] = SimpleQueue()
        self._output = io.BytesIO()
        tool = LookTool(engine, LOAD, Sampling(), directories or [PICTURES])
        self._server = ToolServer(tool, self._output)
        self._thread = threading.Thread(target=self._server.run, args=(self._lines(),))
        self._thread.start()

    def _lines(self) -> Iterator[bytes]:
        while line := self._said.get():
            yield line

    def say(self, *lines: bytes) -> None:
        for line in lines:
            self._said.put(line)

    def wait_for(self, count: int) -> None:
        """Wait until so many answers have come."""
        pause = threading.Event()
        for _ in range(int(TIMEOUT / 0.01)):
            if self._output.getvalue().count(b"\n") >= count:
                break
            pause.wait(0.01)

    def answers(self, count: int) -> list[Any]:
        """What came, once so much has come; then the input ends."""
        self.wait_for(count)
        self.end()
        return [json.loads(line) for line in self._output.getvalue().splitlines()]

    def end(self) -> None:
        self._said.put(b"")
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()


def text(told: Any) -> str:
    (content,) = told["result"]["content"]
    return str(content["text"])


def test_an_agent_finds_the_tool_and_is_told_what_is_in_a_picture(run: Run) -> None:
    ended = run("mcp", "--dir", PICTURES, stdin=b"".join(initial_lines()))
    told = {each["id"]: each for each in map(json.loads, ended.out.splitlines())}
    assert told[1]["result"]["protocolVersion"] == "2025-03-26"
    (tool,) = told[2]["result"]["tools"]
    assert (tool["name"], tool["inputSchema"]["required"]) == ("look", ["picture", "question"])
    assert told[3]["result"] == {}


def initial_lines() -> Iterator[bytes]:
    yield request(1, "initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo={})
    yield b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n'
    yield request(2, "tools/list")
    yield request(3, "ping")


def test_the_command_looks_with_the_model() -> None:
    with subprocess.Popen(
        [*PROGRAM, "mcp", "--dir", str(PICTURES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(look("a", SAMPLE))
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait(TIMEOUT) == 0
    assert (told["id"], told["result"]["isError"]) == ("a", False)
    assert "a red circle in the top left" in text(told)


def test_only_what_is_in_the_named_directories_may_be_seen(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    secret = outside / "secret.png"
    secret.write_bytes((PICTURES / SAMPLE).read_bytes())
    (inside / "link.png").symlink_to(secret)
    (inside / "folder").symlink_to(outside)
    (inside / "good.png").symlink_to(inside / "real.png")
    (inside / "real.png").write_bytes(secret.read_bytes())
    (inside / "text.png").write_text("no picture")
    os.mkfifo(inside / "fifo.png")
    engine = FakeEngine()
    agent = Agent(engine, inside)
    refused = [
        str(secret),
        "../outside/secret.png",
        "link.png",
        "folder/secret.png",
        "/etc/nothing-there",
        "none.png",
        "fifo.png",
        ".",
        "text.png",
        "a\0b",
    ]
    agent.say(*(look(number, each) for number, each in enumerate(refused)))
    agent.say(look("good", "good.png"), look("whole", str(inside / "real.png")))
    told = {each["id"]: each["result"] for each in agent.answers(len(refused) + 2)}
    assert [told[number]["isError"] for number in range(len(refused))] == [True] * len(refused)
    for number in range(5):
        assert "may not be looked at" in told[number]["content"][0]["text"]
    assert "text.png is not a picture" in told[8]["content"][0]["text"]
    assert not told["good"]["isError"] and not told["whole"]["isError"]
    assert len(engine.requests) == 2


def test_a_call_can_be_cancelled_and_others_go_on() -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(Delta("A", 1), gate, Delta(" never", 2))
    engine.script(*answer("Two"))
    agent = Agent(engine)
    agent.say(look(1, SAMPLE))
    gate.wait_reached()
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 3}}
    agent.say(look(2, SAMPLE), look(3, SAMPLE), json.dumps(cancel).encode(), request(4, "ping"))
    cancel["params"] = {"requestId": 1}
    agent.say(json.dumps(cancel).encode())
    told = agent.answers(2)
    assert [(each["id"], each["result"].get("isError")) for each in told] == [(4, None), (2, False)]
    assert text(told[1]) == "Two"
    assert engine.cancels >= 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"[]", -32600),
        (b'{"id": 1}', -32600),
        (request(1, "resources/list"), -32601),
        (request(1, "tools/call", name="rm", arguments={}), -32602),
        (request(1, "tools/call", name="look", arguments={"picture": 1}), -32602),
        (b'{"id": 1, "method": "ping", "params": [1]}', -32602),
    ],
)
def test_what_isnt_understood_is_refused_and_the_next_is_answered(line: bytes, code: int) -> None:
    agent = Agent(FakeEngine())
    agent.say(line, b'{"jsonrpc": "2.0", "id": 9, "result": {}}', request(2, "ping"))
    refused, ping = agent.answers(2)
    assert (refused["error"]["code"], ping["result"]) == (code, {})


def test_a_line_without_an_end_ends_the_input_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tool_server, "_LONGEST", 4)
    assert list(tool_server.lines(io.BytesIO(b"123\n" + b"x" * 9))) == [b"123\n", b"xxxxx"]


def test_calls_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_server, "_MOST_WAITING", 2)
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate, *answer("One"))
    engine.script(*answer("Two"))
    engine.script(*answer("Three"))
    agent = Agent(engine)
    agent.say(look(1, SAMPLE))
    gate.wait_reached()
    agent.say(*(look(number, SAMPLE) for number in (2, 3, 4)), request(5, "ping"))
    agent.wait_for(2)
    gate.open()
    told = {each["id"]: each for each in agent.answers(5)}
    assert "2 calls are waiting" in told[4]["error"]["message"]
    assert [text(told[number]) for number in (1, 2, 3)] == ["One", "Two", "Three"]


def test_an_input_that_ends_stops_the_answer() -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate)
    agent = Agent(engine)
    agent.say(look(1, SAMPLE))
    gate.wait_reached()
    agent.end()
    assert engine.cancels == 1


def test_directories_must_be_named(run: Run) -> None:
    assert run("mcp").code == 2
    assert "does not exist" in run("mcp", "--dir", "nowhere").err
