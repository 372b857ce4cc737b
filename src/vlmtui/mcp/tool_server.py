"""The Model Context Protocol on two streams: requests are lines of JSON-RPC, as are their answers.

https://modelcontextprotocol.io/specification/2025-06-18: its lifecycle, `ping` and tools. What is
asked while a picture is looked at is answered at once, calls of the tool one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, BinaryIO

import msgspec

from vlmtui import __version__, crash_log
from vlmtui.errors import VlmtuiError
from vlmtui.mcp.look_tool import LookTool

VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
"""Of the protocol, the newest first."""

_TOOL = {
    "name": "look",
    "title": "Look at a picture",
    "description": (
        "Ask a vision-language model on this machine about a picture file (photo, screenshot, "
        "diagram, scan) and get its answer as text. Ask one precise question a call. The model is "
        "small: it describes, reads and counts, and may be wrong in details."
    ),
    "inputSchema": {
        "type": "object",
        "properties": {
            "picture": {"type": "string", "description": "Path of the picture file."},
            "question": {"type": "string", "description": "What to find out from the picture."},
        },
        "required": ["picture", "question"],
    },
    "annotations": {"readOnlyHint": True, "openWorldHint": False},
}

_PARSE, _REQUEST, _METHOD, _PARAMS, _INTERNAL = -32700, -32600, -32601, -32602, -32603

_LONGEST = 1 << 20
"""Bytes of a line: no path and question take as many."""

_MOST_WAITING = 100
"""Calls that may wait: answers come one by one, and what is asked fills the memory meanwhile."""


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream, until it ends or one of them doesn't."""
    while line := stream.readline(_LONGEST + 1):
        yield line
        if len(line) > _LONGEST:
            return


class _Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ToolServer:
    """Answers requests until the input ends."""

    def __init__(self, tool: LookTool, output: BinaryIO) -> None:
        self._tool = tool
        self._output = output
        self._writing = threading.Lock()
        self._calls: SimpleQueue[tuple[Any, dict[str, str]] | None] = SimpleQueue()
        self._state = threading.Lock()
        self._unanswered: list[Any] = []
        """Ids of the calls that somebody waits for."""

        self._looking: Any = None
        """Id of the call that is being answered."""

    def run(self, lines: Iterable[bytes]) -> None:
        """Answer each line; calls that aren't answered when the input ends are dropped."""
        worker = threading.Thread(target=self._work, name="look", daemon=True)
        worker.start()
        for line in lines:
            if line.strip():
                self._hear(line)
        with self._state:
            self._unanswered.clear()
            self._tool.stop()
        self._calls.put(None)
        worker.join(5)

    # ------------------------------------------------------------------ requests

    def _hear(self, line: bytes) -> None:
        number: Any = None
        try:
            asked = msgspec.json.decode(line)
            if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
                if isinstance(asked, dict) and ("result" in asked or "error" in asked):
                    return  # an answer, though we ask nothing
                raise _Refused(_REQUEST, "This is not a request")
            number = asked.get("id")
            params = asked.get("params")
            result = self._answer(asked["method"], number, params if params is not None else {})
            if number is not None and result is not None:
                self._send({"id": number, "result": result})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._fail(None, _PARSE, "This is not JSON")
        except _Refused as refused:
            self._fail(number, refused.code, str(refused))

    def _answer(self, method: str, number: Any, params: Any) -> dict[str, Any] | None:
        """The result of a request; None where it comes later, or none is wanted."""
        if not isinstance(params, dict):
            raise _Refused(_PARAMS, "The parameters should be an object")
        match method:
            case "initialize":
                wanted = params.get("protocolVersion")
                return {
                    "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "vlmtui", "version": __version__},
                }
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [_TOOL]}
            case "tools/call":
                self._call(number, params)
            case "notifications/cancelled":
                self._cancel(params.get("requestId"))
            case _ if number is not None:
                raise _Refused(_METHOD, f"There is no method {method[:80]}")
        return None

    def _call(self, number: Any, params: dict[str, Any]) -> None:
        given = params.get("arguments")
        if params.get("name") != _TOOL["name"]:
            raise _Refused(_PARAMS, "There is one tool: look")
        names = ("picture", "question")
        if not isinstance(given, dict) or not all(isinstance(given.get(n), str) for n in names):
            raise _Refused(_PARAMS, "look needs a picture and a question, both strings")
        if self._calls.qsize() >= _MOST_WAITING:
            raise _Refused(_INTERNAL, f"{_MOST_WAITING} calls are waiting: ask again later")
        with self._state:
            self._unanswered.append(number)
        self._calls.put((number, {name: given[name] for name in names}))

    def _cancel(self, number: Any) -> None:
        with self._state:
            if number in self._unanswered:
                self._unanswered.remove(number)
                if self._looking == number:
                    self._tool.stop()

    # ------------------------------------------------------------------ answers

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            number, arguments = call
            with self._state:
                if number not in self._unanswered:
                    continue  # cancelled meanwhile
                self._looking = number
            text, failed = self._looked(arguments)
            with self._state:
                self._looking = None
                wanted = number in self._unanswered
                if wanted:
                    self._unanswered.remove(number)
            if wanted:
                content = [{"type": "text", "text": text}]
                self._send({"id": number, "result": {"content": content, "isError": failed}})

    def _looked(self, arguments: dict[str, str]) -> tuple[str, bool]:
        try:
            return self._tool.look(**arguments), False
        except Exception as error:
            told = error if isinstance(error, VlmtuiError) else crash_log.recorded(error)
            return f"{told.message}. {told.hint}".strip(), True

    def _fail(self, number: Any, code: int, message: str) -> None:
        self._send({"id": number, "error": {"code": code, "message": message}})

    def _send(self, answer: dict[str, Any]) -> None:
        line = msgspec.json.encode({"jsonrpc": "2.0", **answer}) + b"\n"
        with self._writing, suppress(OSError):  # who doesn't read any more ends the input, too
            self._output.write(line)
            self._output.flush()
