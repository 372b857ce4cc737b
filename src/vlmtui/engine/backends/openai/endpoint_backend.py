"""The backend for models elsewhere: answers conversations by asking a server.

What is sent travels through `net`, which bounds all that comes. Only what is safe is tried again:
while no word of the answer has come.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import msgspec

from vlmtui.engine.backends.openai import (
    chat_request,
    completion_chunk,
    refusals,
    server_facts,
    shorter_conversation,
)
from vlmtui.engine.backends.openai.completion_chunk import Chunk
from vlmtui.engine.backends.openai.endpoint_report import EndpointReport
from vlmtui.engine.backends.openai.endpoint_wire import (
    CONNECT_S,
    MOST_JSON,
    SILENCE_S,
    EndpointWire,
    cancellable_line,
)
from vlmtui.engine.backends.openai.event_stream import BadStream, events
from vlmtui.engine.backends.openai.refusals import Refusal
from vlmtui.engine.backends.openai.server_facts import ServerFacts
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import (
    Capability,
    Event,
    Finished,
    FinishReason,
    Loaded,
    Loading,
    ModelInfo,
    Notice,
    Trimmed,
)
from vlmtui.engine.engine_requests import Endpoint, Generate, Load, Sampling
from vlmtui.engine.structured import constraints
from vlmtui.errors import EngineError, GenerateFailed, LoadFailed
from vlmtui.messages import Role
from vlmtui.net import Answer, Failed, Line, Stopped
from vlmtui.printable import line as one_line

_TRIES = 4
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class _ThoughtEnds(Exception):
    """The thought is to end, and the server can only be asked anew."""


_FINISH: dict[str, FinishReason] = {"length": "length", "max_tokens": "length"}


class OpenAIBackend:
    """A model that a server runs. See `registry.Backend`."""

    def __init__(self) -> None:
        self._served: _Served | None = None

    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        """See that the server has the model; nothing is loaded here."""
        if not isinstance(request.source, Endpoint):
            raise LoadFailed(f"{request.title} is not a model on a server")
        emit(Loading(0.0))
        began = time.monotonic()
        try:
            served = _Served(request.source, cancel)
        except Stopped:
            return Finished("cancelled")
        except EngineError as error:
            raise LoadFailed(error.message, error.hint) from error
        self._served = served
        emit(Loading(1.0))
        emit(Loaded(served.info(request.title, time.monotonic() - began)))
        return Finished("done")

    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        if self._served is None:
            raise GenerateFailed("No model is loaded", "Load one first.")
        return self._served.answer(request, cancel, emit)

    def close(self) -> None:
        """There is nothing to free."""
        self._served = None


class _Served:
    """A model that was found on a server."""

    def __init__(self, endpoint: Endpoint, cancel: CancelFlag) -> None:
        self._endpoint = endpoint
        self._wire = EndpointWire(endpoint)
        self._host = endpoint.host
        self._without: set[str] = set()
        """Fields of a request that it has refused."""

        with cancellable_line(cancel) as line:
            self._facts = self._find_out(line)

    def info(self, name: str, load_s: float) -> ModelInfo:
        can: set[Capability] = {"thinking", "constraint"}
        if self._facts.sees:
            can.add("pictures")
        if self._facts.thinks_when_told:
            can |= {"think_switch", "conclude"}
        if self._facts.continues:
            can.add("continue")
        return ModelInfo(
            name=name,
            source=self._endpoint,
            can=frozenset(can),
            description=f"{self._endpoint.model} on {self._host}",
            parameters=self._facts.parameters,
            size_bytes=self._facts.size_bytes,
            context_size=self._facts.context_size,
            load_s=load_s,
        )

    # ------------------------------------------------------------------ finding out

    def _find_out(self, line: Line) -> ServerFacts:
        listed = self._wire.found("models", line, needed=True)
        facts = server_facts.of(
            listed, self._endpoint.model, lambda path: self._wire.found(path, line)
        )
        if facts.models and self._endpoint.model not in facts.models:
            raise GenerateFailed(
                f"{self._host} has no model {self._endpoint.model}",
                f"It has: {', '.join(facts.models[:8])}.",
            )
        return facts

    # ------------------------------------------------------------------ answering

    def answer(
        self, asked: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        if asked.messages[-1].role is Role.ASSISTANT and not self._facts.continues:
            raise GenerateFailed(
                f"{self._host} can't continue an answer that was cut off", "/regen answers again."
            )
        begun = asked.messages[-1].text if asked.messages[-1].role is Role.ASSISTANT else ""
        report = EndpointReport(emit, self._facts.context_size, answering=bool(begun))
        with cancellable_line(cancel) as line:
            try:
                reason = self._answer(asked, cancel, line, report, emit)
            except Stopped:
                reason = "cancelled"
            finally:
                report.ended()
        if notice := constraints.unmet(asked.sampling.constraint, begun + report.text, reason):
            emit(notice)
        return report.finish(reason)

    def _answer(
        self,
        asked: Generate,
        cancel: CancelFlag,
        line: Line,
        report: EndpointReport,
        emit: Callable[[Event], None],
    ) -> FinishReason:
        """Ask, and a second time without a thought where it is to end and can't be ended alone."""
        try:
            return self._ask(asked, cancel, line, report, emit)
        except _ThoughtEnds:
            return self._ask(
                shorter_conversation.unthinking(asked), CancelFlag(), line, report, emit
            )

    def _ask(
        self,
        asked: Generate,
        cancel: CancelFlag,
        line: Line,
        report: EndpointReport,
        emit: Callable[[Event], None],
    ) -> FinishReason:
        """Ask until it is taken: later while the server is busy, less where it is too long."""
        dropped = images = attempt = 0
        while True:
            attempt += 1
            last = attempt == _TRIES
            try:
                with self._wire.told():
                    outcome = self._try(asked, cancel, line, report, emit)
            except GenerateFailed as error:
                starting = isinstance(error.__cause__, Failed) and error.__cause__.kind == "nobody"
                if last or report.begun or not starting:
                    raise
                line.wait(_PAUSE_S * 2 ** (attempt - 1))
                continue
            if not isinstance(outcome, Refusal):
                return outcome
            if outcome.field and outcome.field not in self._without:
                self._without.add(outcome.field)
                if outcome.field in Sampling.__struct_fields__ and outcome.field != "max_tokens":
                    emit(_left_out(outcome.field, self._host, self._endpoint.model))
                attempt -= 1
                continue
            gone = (
                shorter_conversation.oldest(asked.messages) if outcome.too_long and not last else ()
            )
            if gone:
                dropped += len(gone)
                images += sum(len(message.images) for message in gone)
                emit(Trimmed(dropped, images))
                asked = msgspec.structs.replace(
                    asked, messages=shorter_conversation.without(asked.messages, gone)
                )
                continue
            if outcome.status in (400, 422) and asked.sampling.constraint is not None:
                raise refusals.form_refused(outcome, self._host)
            if last or outcome.spent or outcome.status not in refusals.BUSY:
                raise self._wire.refused(outcome)
            pause = outcome.retry_after_s
            pause = _PAUSE_S * 2 ** (attempt - 1) if pause is None else pause
            if pause > _LONGEST_PAUSE_S:
                raise self._wire.refused(outcome)
            line.wait(pause)

    def _try(
        self,
        asked: Generate,
        cancel: CancelFlag,
        line: Line,
        report: EndpointReport,
        emit: Callable[[Event], None],
    ) -> FinishReason | Refusal:
        body = msgspec.json.encode(
            chat_request.body(asked, self._endpoint, self._facts, self._without)
        )
        conversation = secrets.token_hex(16) if self._facts.resumes else ""
        report.sent()
        with (
            self._wire.ended(conversation),
            self._wire.completion(body, line, conversation) as answer,
        ):
            if answer.status != 200:
                content = answer.whole(MOST_JSON, CONNECT_S)
                return refusals.read(answer.status, content, answer.headers)
            reason: FinishReason | None = None
            concluded = False
            try:
                for chunk in self._chunks(answer, conversation, line):
                    if chunk.error is not None:
                        refusal = refusals.read(500, msgspec.json.encode(chunk.error), {})
                        raise self._wire.refused(refusal)
                    report.take(chunk)
                    if cancel.concludes and report.thinking and not concluded:
                        self._conclude(chunk.completion)
                        concluded = True
                    if chunk.trimmed is not None:
                        emit(Trimmed(*chunk.trimmed))
                    if chunk.finish == "content_filter":
                        emit(_filtered(self._host))
                    if chunk.finish and reason is None:
                        reason = _FINISH.get(chunk.finish, "stop")
            except BadStream as error:
                raise GenerateFailed(
                    f"{self._host} {error}", "Check that the address is that of a model's server."
                ) from error
            except Failed as failed:
                if not report.begun:
                    raise
                raise self._cut(f": {failed.reason}") from failed
        if reason is None and not report.whole:
            raise self._cut()
        return reason or "stop"

    def _conclude(self, completion: str) -> None:
        """End the thought of a running answer.

        Raises:
            _ThoughtEnds: That can't be done while it runs.
        """
        running = self._facts.kind == "llama-server" and completion
        if not (running and self._wire.concluded(completion)):
            raise _ThoughtEnds

    def _cut(self, why: str = "") -> GenerateFailed:
        """The error for an answer that didn't come to its end."""
        continues = "/continue continues it, " if self._facts.continues else ""
        return GenerateFailed(
            f"The answer from {self._host} ended in the middle{why}",
            f"What came is kept; {continues}/regen answers again.",
        )

    def _chunks(self, answer: Answer, conversation: str, line: Line) -> Iterator[Chunk]:
        if "json" in answer.headers.get("Content-Type", ""):  # it doesn't stream
            chunk = completion_chunk.read(answer.whole(MOST_JSON, SILENCE_S))
            if chunk is not None:
                yield chunk
            return
        heard, nothing = time.monotonic(), True

        def pieces() -> Iterator[bytes]:
            for piece in self._wire.pieces(answer, conversation, line):
                if time.monotonic() - heard > SILENCE_S:
                    minutes = f"{SILENCE_S / 60:.0f} minutes"
                    raise Failed("nonsense", f"sent no words for {minutes}, only signs of life")
                yield piece

        for data in events(pieces()):
            heard = time.monotonic()  # comments, which only keep the line open, are no events
            if data.strip() == b"[DONE]":
                if not nothing:
                    yield Chunk(finish="stop")  # not every server says why it ends
                break
            if (chunk := completion_chunk.read(data)) is not None:
                nothing = False
                yield chunk
        if nothing:
            raise BadStream("sent no answer that could be read")


def _left_out(field: str, host: str, model: str) -> Notice:
    return Notice(
        "server",
        f"{host} doesn't take {field} for {one_line(model, 60)}",
        "It is left out from now on.",
    )


def _filtered(host: str) -> Notice:
    return Notice(
        "server",
        f"{host} stopped this answer: its filter doesn't let it through",
        "Put the question another way, or ask a model on this machine.",
    )
