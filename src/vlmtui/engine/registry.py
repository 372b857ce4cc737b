"""From the kind of a backend to the class that implements it, imported when it is first needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module

from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Event, Finished, Measured, Planned
from vlmtui.engine.engine_requests import Endpoint, Files, Generate, Load, Measure, Prepare
from vlmtui.errors import LoadFailed

_BACKENDS = {
    "llamacpp": "vlmtui.engine.backends.llamacpp.backend:LlamaCppBackend",
    "openai": "vlmtui.engine.backends.openai.endpoint_backend:OpenAIBackend",
}
_BY_DEFAULT = {Files: "llamacpp", Endpoint: "openai"}
"""What runs a source when a load doesn't say."""


class Backend(ABC):
    """What runs a model inside the worker process.

    Its methods emit events as they go, return the last one, and raise `VlmtuiError`s. They check
    the flag often and return `Finished("cancelled")` when it is set. What isn't abstract not every
    backend can.
    """

    @abstractmethod
    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        """Load a model. A backend is loaded once in its life."""

    @abstractmethod
    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        """Answer a conversation."""

    @abstractmethod
    def close(self) -> None:
        """Release all memory."""

    def prepare(
        self, request: Prepare, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        """Read what is certain of the next prompt."""
        return Finished("cancelled")

    def plan(self, request: Load) -> Planned:
        """Simulate a load, on a backend that has nothing loaded."""
        raise LoadFailed(f"Memory for {request.title} is planned elsewhere")

    def measure(self, request: Measure) -> Measured | None:
        """Tell what pictures take with the loaded model; None where nobody can."""
        return None

    def keep(self, seconds: float) -> None:  # noqa: B027 - most have nothing
        """Write what is worth it to the disk, within some seconds: the process ends."""


def create(load: Load) -> Backend:
    """A new, empty backend for what is going to be loaded or planned.

    Raises:
        LoadFailed: There is none of the kind that it wants.
    """
    kind = load.backend or _BY_DEFAULT[type(load.source)]
    if kind not in _BACKENDS:
        known = ", ".join(sorted(_BACKENDS))
        raise LoadFailed(f"There is no backend {kind!r}", f"Known backends: {known}.")
    module, name = _BACKENDS[kind].split(":")
    backend: Backend = getattr(import_module(module), name)()
    return backend
