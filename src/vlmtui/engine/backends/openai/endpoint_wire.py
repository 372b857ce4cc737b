"""The way to a server of chat completions: what is sent with each request, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import msgspec

from vlmtui.engine.backends.openai import (
    completion_chunk,
    refusals,
    resumed_stream,
    server_json,
)
from vlmtui.engine.backends.openai.completion_chunk import Chunk
from vlmtui.engine.backends.openai.event_stream import BadStream, events
from vlmtui.engine.backends.openai.refusals import Refusal
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_requests import Endpoint
from vlmtui.errors import EngineError, GenerateFailed
from vlmtui.net import Answer, CancelScope, Failed, Method, Stopped, request

CONNECT_S = 10.0
SILENCE_S = 600.0
"""Until something comes: the server may have to load the model first."""

WORDLESS_S = SILENCE_S
"""Until a word comes, be it that comments keep the connection open."""

MOST_JSON = 5_000_000

_END_S = 2.0
"""For telling a server that nobody waits for an answer any more."""


class EndpointWire:
    """Requests to one server.

    Attributes:
        host: Who it is, for a person.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.host = endpoint.host
        self._endpoint = endpoint
        self._interface = endpoint.url.rstrip("/")
        self._root = self._interface.removesuffix("/v1")

    def found(self, path: str, scope: CancelScope, *, needed: bool = False) -> Any:
        """What an address answers, as JSON; None where there is nothing of the kind.

        The path goes on from the interface ("models"), or with a slash from the server's root. What
        is needed has to be there.
        """
        url = (self._root if path.startswith("/") else f"{self._interface}/") + path
        with self.translated(), self.asked(url, None, scope, CONNECT_S) as answer:
            content = answer.whole(MOST_JSON, CONNECT_S * 3)
            if answer.status != 200:
                refusal = self.refusal(answer, content)
                if not needed or answer.status == 404:  # some servers don't list their models
                    return None
                raise self.refused(refusal)
        found = server_json.decoded(content)
        if found is None and needed:
            raise GenerateFailed(
                f"{self.host} doesn't speak OpenAI's protocol at this address",
                "The address of the interface often ends in /v1.",
            )
        return found

    def completion(
        self, body: bytes, scope: CancelScope, conversation: str
    ) -> AbstractContextManager[Answer]:
        """Ask for an answer to a conversation, which may be taken up under a name."""
        url = f"{self._interface}/chat/completions"
        return self.asked(url, body, scope, SILENCE_S, conversation=conversation)

    def asked(
        self,
        url: str,
        content: bytes | None,
        scope: CancelScope,
        silence_s: float,
        *,
        conversation: str = "",
        method: Method = "GET",
    ) -> AbstractContextManager[Answer]:
        """Ask for something, with the key; see `net.request`."""
        key = self._endpoint.key
        return request(
            url,
            scope=scope,
            method=method if content is None else "POST",
            content=content,
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                **({resumed_stream.HEADER: conversation} if conversation else {}),
            },
            secret={"Authorization": f"Bearer {key}"} if key else {},
            timeout_s=min(CONNECT_S, silence_s),
            silence_s=silence_s,
            leave=False,
            accepted=range(200, 600),
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Tell failures of the network in words of this server."""
        try:
            yield
        except Failed as failed:
            what = self.host if failed.kind != "address" else self._endpoint.url
            raise GenerateFailed(failed.sentence(what), failed.hint) from failed

    def refusal(self, answer: Answer, content: bytes) -> Refusal:
        """What an answer that refuses says."""
        return refusals.read(answer.status, content, answer.headers, self._endpoint.key)

    def refused(self, refusal: Refusal) -> EngineError:
        model, key = self._endpoint.model, bool(self._endpoint.key)
        return refusals.error(refusal, self.host, model, key=key)

    def concluded(self, completion: str) -> bool:
        """Have llama-server end the thought of a running answer; whether it does.

        Its tools/server/README.md, "Control a running chat completion in real time".
        """
        body = {"id": completion, "action": "reasoning_end", "model": self._endpoint.model}
        url = f"{self._interface}/chat/completions/control"
        try:
            with self.asked(url, msgspec.json.encode(body), CancelScope(), _END_S) as answer:
                found = server_json.decoded(answer.whole(MOST_JSON, _END_S))
        except Failed:
            return False
        return server_json.mapping(found).get("success") is True

    @contextmanager
    def ended(self, conversation: str) -> Iterator[None]:
        """Have the server end an answer that is left before its end: hanging up doesn't."""
        try:
            yield
        except BaseException:
            if conversation:
                url = self._root + resumed_stream.path(conversation)
                with (
                    suppress(Failed, Stopped),
                    self.asked(url, None, CancelScope(), _END_S, method="DELETE"),
                ):
                    pass
            raise

    def chunks(self, answer: Answer, conversation: str, scope: CancelScope) -> Iterator[Chunk]:
        """The pieces of an answer.

        Raises:
            BadStream: It isn't one.
        """
        if "json" in answer.headers.get("Content-Type", ""):  # it doesn't stream
            chunk = completion_chunk.read(answer.whole(MOST_JSON, SILENCE_S))
            if chunk is not None:
                yield chunk
            return
        heard, nothing = time.monotonic(), True

        def pieces() -> Iterator[bytes]:
            for piece in self._pieces(answer, conversation, scope):
                if time.monotonic() - heard > WORDLESS_S:
                    minutes = f"{WORDLESS_S / 60:.0f} minutes"
                    raise Failed("nonsense", f"sent no words for {minutes}, only signs of life")
                yield piece

        for data in events(pieces()):
            heard = time.monotonic()  # comments, which only keep the connection open, are no events
            if data.strip() == b"[DONE]":
                if not nothing:
                    yield Chunk(finish="stop")  # not every server says why it ends
                break
            if (chunk := completion_chunk.read(data)) is not None:
                nothing = False
                yield chunk
        if nothing:
            raise BadStream("sent no answer that could be read")

    def _pieces(self, answer: Answer, conversation: str, scope: CancelScope) -> Iterator[bytes]:
        """The content of a stream, though the connection breaks, where the server sees to that."""
        if not conversation:
            return answer.pieces()

        def again(offset: int) -> AbstractContextManager[Answer]:
            url = self._root + resumed_stream.path(conversation, offset)
            return self.asked(url, None, scope, SILENCE_S)

        return resumed_stream.pieces(answer, again, scope)


@contextmanager
def cancellation(cancel: CancelFlag) -> Iterator[CancelScope]:
    """A scope that ends when the request is cancelled."""
    scope = CancelScope()
    with cancel.calling(scope.stop):
        yield scope
