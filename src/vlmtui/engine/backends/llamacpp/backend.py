"""The llama.cpp backend: loads a model, and has it answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import msgspec

from vlmtui.engine import trained_questions
from vlmtui.engine.backends.llamacpp import (
    choosing,
    graph_check,
    graph_tower,
    llama_logs,
    parameters,
)
from vlmtui.engine.backends.llamacpp.answerer import Answerer
from vlmtui.engine.backends.llamacpp.model import LoadCancelled, LoadedModel
from vlmtui.engine.backends.llamacpp.sampling import Unlikely
from vlmtui.engine.backends.llamacpp.simulated_load import simulate
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Event, Finished, Loaded, Loading, Measured, Planned
from vlmtui.engine.engine_requests import Generate, Load, Measure, Prepare
from vlmtui.engine.registry import Backend
from vlmtui.errors import GenerateFailed
from vlmtui.messages import Role

_LOADING_INTERVAL_S = 0.05


class LlamaCppBackend(Backend):
    """One model on llama.cpp."""

    def __init__(self) -> None:
        llama_logs.install()
        self._loaded: Answerer | None = None

    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        emit(Loading(0.0))
        graph, trouble = graph_tower.choose(request)
        compares = request.tower is not None and request.tower.compare
        with ExitStack() as undone:
            if graph is not None:
                undone.callback(graph.close)
            try:
                model = LoadedModel(request, cancel, _paced(emit), tower=graph is None or compares)
            except LoadCancelled:
                return Finished("cancelled")
            undone.callback(model.close)
            if graph is not None and compares:
                emit(graph_check.compare(model, graph, request))
            self._loaded = Answerer(request, model, cancel, None if compares else graph)
            undone.pop_all()  # what is loaded closes them
        if graph is not None and compares:
            graph.close()
        emit(Loading(1.0))
        notices = (
            self._loaded.chat_format.notice,
            parameters.thread_notice(request),
            trouble,
            trained_questions.notice(request.title, model.questions),
        )
        for notice in notices:
            if notice is not None:
                emit(notice)
        chat_format = self._loaded.chat_format
        info = model.describe(request, chat_format.name, self._loaded.shown.choice)
        emit(Loaded(msgspec.structs.replace(info, can=info.can | chat_format.can)))
        return Finished("done")

    def plan(self, request: Load) -> Planned:
        return simulate(request)

    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        if self._loaded is None:
            raise GenerateFailed("No model is loaded", "Load one first.")
        roles = [message.role for message in request.messages]
        if roles[-1:] != [Role.USER] and roles[-2:] != [Role.USER, Role.ASSISTANT]:
            raise GenerateFailed("There is no question at the end", "Ask something.")
        loaded = self._loaded
        try:
            return loaded.answer(request, emit)
        except Unlikely:
            finished = choosing.in_own_words(loaded.answer, request, emit)
            return finished or loaded.answer(request, emit, insist=True)

    def prepare(
        self, request: Prepare, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        if self._loaded is None:
            return Finished("cancelled")
        return self._loaded.read_ahead(request, emit)

    def measure(self, request: Measure) -> Measured:
        return Measured(() if self._loaded is None else self._loaded.shown.measure(request))

    def keep(self, seconds: float) -> None:
        if self._loaded is not None:
            self._loaded.keep(seconds)

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None


def _paced(emit: Callable[[Event], None]) -> Callable[[float], None]:
    sent = time.monotonic()

    def progress(done: float) -> None:
        nonlocal sent
        now = time.monotonic()
        if now - sent >= _LOADING_INTERVAL_S:
            sent = now
            emit(Loading(done))

    return progress
