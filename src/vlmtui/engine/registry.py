"""From the kind of a backend to the class that implements it, imported when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, runtime_checkable

from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Event, Finished, Measured, Planned
from vlmtui.engine.engine_requests import Generate, Load, Measure, Prepare
from vlmtui.errors import LoadFailed

_BACKENDS = {
    "llamacpp": "vlmtui.engine.backends.llamacpp.backend:LlamaCppBackend",
    "openai": "vlmtui.engine.backends.openai.endpoint_backend:OpenAIBackend",
}


class Backend(Protocol):
    """What runs a model inside the worker process.

    Its methods emit events as they go, return the last one, and raise `VlmtuiError`s. They check
    the flag often and return `Finished("cancelled")` when it is set.
    """

    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        """Load a model. A backend is loaded once in its life."""

    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        """Answer a conversation."""

    def close(self) -> None:
        """Release all memory."""


@runtime_checkable
class Preparer(Protocol):
    """A backend that can read ahead."""

    def prepare(
        self, request: Prepare, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        """Read what is certain of the next prompt."""


@runtime_checkable
class Planner(Protocol):
    """A backend that can also tell beforehand what a load would take."""

    def plan(self, request: Load) -> Planned:
        """Simulate a load, on a backend that has nothing loaded."""


@runtime_checkable
class Measurer(Protocol):
    """A backend that can also tell beforehand what pictures take."""

    def measure(self, request: Measure) -> Measured:
        """Measure pictures with the loaded model."""


@runtime_checkable
class Keeper(Protocol):
    """A backend that can leave something for the next process."""

    def keep(self, seconds: float) -> None:
        """Write what is worth it to the disk, within some seconds: the process ends."""


def create(kind: str) -> Backend:
    """A new, empty backend.

    Raises:
        LoadFailed: No such kind.
    """
    if kind not in _BACKENDS:
        known = ", ".join(sorted(_BACKENDS))
        raise LoadFailed(f"There is no backend {kind!r}", f"Known backends: {known}.")
    module, name = _BACKENDS[kind].split(":")
    backend: Backend = getattr(import_module(module), name)()
    return backend
