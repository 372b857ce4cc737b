"""The backend for models elsewhere: answers conversations by asking a server.

What is sent travels through `net`, which bounds all that comes. Only what is safe is tried again:
while no word of the answer has come.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from vlmtui.engine.backends.openai import (
    chat_request,
    refusals,
    server_facts,
    shorter_conversation,
)
from vlmtui.engine.backends.openai.completion_chunk import Chunk
from vlmtui.engine.backends.openai.endpoint_report import EndpointReport
from vlmtui.engine.backends.openai.endpoint_wire import (
    CONNECT_S,
    MOST_JSON,
    EndpointWire,
    cancellation,
)
from vlmtui.engine.backends.openai.event_stream import BadStream
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
from vlmtui.engine.registry import Backend
from vlmtui.engine.structured import constraints
from vlmtui.errors import EngineError, GenerateFailed, LoadFailed
from vlmtui.messages import Message, Role
from vlmtui.net import CancelScope, Failed, Stopped
from vlmtui.printable import line as one_line

_TRIES = 4
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class _ThoughtEnds(Exception):
    """The thought is to end, and the server can only be asked anew."""


_FINISH: dict[str, FinishReason] = {"length": "length", "max_tokens": "length"}


class _Asking(NamedTuple):
    """A question on its way."""

    asked: Generate
    cancel: CancelFlag
    scope: CancelScope
    report: EndpointReport
    emit: Callable[[Event], None]


class OpenAIBackend(Backend):
    """A model that a server runs."""

    _endpoint: Endpoint
    _wire: EndpointWire
    _host: str
    _facts: ServerFacts

    def __init__(self) -> None:
        self._without: set[str] = set()
        """Fields of a request that it has refused."""

    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        """See that the server has the model; nothing is loaded here."""
        if not isinstance(request.source, Endpoint):
            raise LoadFailed(f"{request.title} is not a model on a server")
        emit(Loading(0.0))
        began = time.monotonic()
        self._endpoint, self._host = request.source, request.source.host
        self._wire = EndpointWire(request.source)
        try:
            with cancellation(cancel) as scope:
                self._facts = self._find_out(scope)
        except Stopped:
            return Finished("cancelled")
        except EngineError as error:
            raise LoadFailed(error.message, error.hint) from error
        emit(Loading(1.0))
        emit(Loaded(self._info(request.title, time.monotonic() - began)))
        return Finished("done")

    def close(self) -> None:
        """There is nothing to free."""

    def _info(self, name: str, load_s: float) -> ModelInfo:
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

    def _find_out(self, scope: CancelScope) -> ServerFacts:
        listed = self._wire.found("models", scope, needed=True)
        facts = server_facts.of(
            listed, self._endpoint.model, lambda path: self._wire.found(path, scope)
        )
        if facts.models and self._endpoint.model not in facts.models:
            raise GenerateFailed(
                f"{self._host} has no model {self._endpoint.model}",
                f"It has: {', '.join(facts.models[:8])}.",
            )
        return facts

    # ------------------------------------------------------------------ answering

    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        last = request.messages[-1]
        if last.role is Role.ASSISTANT and not self._facts.continues:
            raise GenerateFailed(
                f"{self._host} can't continue an answer that was cut off", "/regen answers again."
            )
        begun = last.text if last.role is Role.ASSISTANT else ""
        report = EndpointReport(emit, self._facts.context_size, answering=bool(begun))
        with cancellation(cancel) as scope:
            asking = _Asking(request, cancel, scope, report, emit)
            try:
                reason = self._answer(asking)
            except Stopped:
                reason = "cancelled"
            finally:
                report.ended()
        if notice := constraints.unmet(request.sampling.constraint, begun + report.text, reason):
            emit(notice)
        return report.finish(reason)

    def _answer(self, asking: _Asking) -> FinishReason:
        """Ask, and a second time without a thought where it is to end and can't be ended alone."""
        try:
            return self._ask(asking)
        except _ThoughtEnds:
            asked = shorter_conversation.unthinking(asking.asked)
            return self._ask(asking._replace(asked=asked, cancel=CancelFlag()))

    def _ask(self, asking: _Asking) -> FinishReason:
        """Ask until it is taken: later while the server is busy, less where it is too long."""
        attempt = 0
        left: tuple[Message, ...] = ()
        while True:
            attempt += 1
            last = attempt == _TRIES
            pause = _PAUSE_S * 2 ** (attempt - 1)
            try:
                with self._wire.translated():
                    outcome = self._try(asking)
            except GenerateFailed as error:
                starting = isinstance(error.__cause__, Failed) and error.__cause__.kind == "nobody"
                if last or asking.report.begun or not starting:
                    raise
                asking.scope.wait(pause)
                continue
            if not isinstance(outcome, Refusal):
                return outcome
            gone = shorter_conversation.oldest(asking.asked.messages) if outcome.too_long else ()
            if outcome.field and outcome.field not in self._without:
                self._leave_out(outcome.field, asking.emit)
                attempt -= 1
            elif outcome.fits_shorter(bool(gone)) and not last:
                asked = shorter_conversation.answered_within(asking.asked, outcome.answer_room)
                asking = asking._replace(asked=asked)
            elif gone and not last:
                left = (*left, *gone)
                asking.emit(Trimmed(len(left), sum(len(message.images) for message in left)))
                asking = asking._replace(asked=shorter_conversation.without(asking.asked, gone))
            else:
                pause = self._pause_after(outcome, asking, pause)
                if last:
                    raise self._wire.refused(outcome)
                asking.scope.wait(pause)

    def _leave_out(self, field: str, emit: Callable[[Event], None]) -> None:
        self._without.add(field)
        model = one_line(self._endpoint.model, 60)
        if field == "stream":
            what = f"{self._host} doesn't stream answers of {model} to this account"
            emit(Notice("server", what, "Each comes in one piece."))
        if field in Sampling.__struct_fields__ and field != "max_tokens":
            emit(
                Notice(
                    "server",
                    f"{self._host} doesn't take {field} for {model}",
                    "It is left out from now on.",
                )
            )

    def _pause_after(self, refusal: Refusal, asking: _Asking, usual: float) -> float:
        """Seconds until the same may be asked again.

        Raises:
            EngineError: It is of no use.
        """
        if refusal.status in (400, 422) and asking.asked.sampling.constraint is not None:
            raise refusals.form_refused(refusal, self._host)
        pause = usual if refusal.retry_after_s is None else refusal.retry_after_s
        if refusal.spent or refusal.status not in refusals.BUSY or pause > _LONGEST_PAUSE_S:
            raise self._wire.refused(refusal)
        return pause

    def _try(self, asking: _Asking) -> FinishReason | Refusal:
        body = msgspec.json.encode(
            chat_request.body(asking.asked, self._endpoint, self._facts, self._without)
        )
        conversation = secrets.token_hex(16) if self._facts.resumes else ""
        asking.report.sent()
        with (
            self._wire.ended(conversation),
            self._wire.completion(body, asking.scope, conversation) as answer,
        ):
            if answer.status != 200:
                content = answer.whole(MOST_JSON, CONNECT_S)
                return self._wire.refusal(answer, content)
            try:
                return self._heard(self._wire.chunks(answer, conversation, asking.scope), asking)
            except BadStream as error:
                raise GenerateFailed(
                    f"{self._host} {error}", "Check that the address is that of a model's server."
                ) from error
            except Failed as failed:
                if not asking.report.begun:
                    raise
                raise self._cut(f": {failed.reason}") from failed

    def _heard(self, chunks: Iterator[Chunk], asking: _Asking) -> FinishReason | Refusal:
        """Take an answer in.

        Raises:
            EngineError: The server failed, or the answer has no end.
            _ThoughtEnds: See there.
        """
        reason: FinishReason | None = None
        concluded = False
        for chunk in chunks:
            if chunk.error is not None:
                refusal = refusals.in_stream(chunk.error, self._endpoint.key)
                if asking.report.begun:
                    raise self._wire.refused(refusal)
                return refusal
            asking.report.take(chunk)
            if asking.cancel.concludes and asking.report.thinking and not concluded:
                self._conclude(chunk.completion)
                concluded = True
            if chunk.trimmed is not None:
                asking.emit(Trimmed(*chunk.trimmed))
            if chunk.finish == "content_filter":
                asking.emit(_filtered(self._host))
            if chunk.finish and reason is None:
                reason = _FINISH.get(chunk.finish, "stop")
        if reason is None and not asking.report.whole:
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
        continues = "/continue continues it, " if self._facts.continues else ""
        return GenerateFailed(
            f"The answer from {self._host} ended in the middle{why}",
            f"What came is kept; {continues}/regen answers again.",
        )


def _filtered(host: str) -> Notice:
    return Notice(
        "server",
        f"{host} stopped this answer: its content filter blocked it",
        "Ask in other words, or ask a model on this machine.",
    )
