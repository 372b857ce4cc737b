"""An engine that plays scripts, for tests of everything above the engine.

It speaks the real `vlmtui.engine.base.Engine` protocol: iterators that raise, one request at a
time, a model that must be loaded first, a process that is gone after a crash. It knows no llama.cpp
and no sockets. Time never passes by itself: a script that must wait holds a `Gate`, which the test
opens.

    engine = FakeEngine()
    gate = Gate()
    engine.script(Delta("A red", 2), gate, Delta(" circle.", 4))      # the next answer
    engine.script(Delta("A", 1), crash("decode"))                     # the one after
    ...
    gate.wait_reached()     # the first delta was taken, and more is asked for
    gate.open()
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import (
    Delta,
    DeviceMemory,
    Event,
    Finished,
    Loaded,
    Loading,
    ModelInfo,
    Planned,
    Prefill,
    Stats,
)
from vlmtui.engine.engine_requests import Files, Generate, Load, Measure, Prepare
from vlmtui.errors import EngineCrashed, GenerateFailed, VlmtuiError
from vlmtui.messages import Detail, ImagePart

TIMEOUT = 30.0
"""Seconds after which a test that waits for something that never comes fails instead of hanging."""

FAKE_PID = 4_194_305
"""One above the largest process id that Linux can give out, so it never names a real process."""

LOAD = Load(Files("/models/fake.gguf", "/models/fake-mmproj.gguf"), name="fake")
INFO = ModelInfo(
    name="fake",
    source=LOAD.source,
    can=frozenset(["pictures", "plan", "continue"]),
    architecture="llama",
    description="llama 5M Q8_0",
    parameters=5_000_000,
    size_bytes=5_300_000,
    context_size=4096,
    context_trained=4096,
    template="file",
    gpu=False,
    load_s=0.25,
)
STATS = Stats(
    prompt_tokens=80,
    reused_tokens=16,
    image_tokens=64,
    generated_tokens=4,
    encode_s=0.5,
    prefill_s=0.25,
    time_to_first_token_s=0.75,
    decode_s=0.125,
    prefill_tokens_per_s=256.0,
    decode_tokens_per_s=32.0,
    context_used=84,
    context_size=4096,
    peak_memory_bytes=3_100_000_000,
)


class Gate:
    """A place in a script where the engine stands until the test opens it or cancels."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def wait_reached(self) -> None:
        """Wait until the engine stands here, so that everything before it was delivered."""
        if not self._reached.wait(TIMEOUT):
            raise AssertionError("the engine never came to the gate")

    def open(self) -> None:
        """Let the engine pass."""
        self._open.set()

    def _pass(self) -> None:
        self._reached.set()
        if not self._open.wait(TIMEOUT):
            raise AssertionError("the test never opened the gate")


Step = Event | Gate | VlmtuiError | Callable[[], object]
"""What a script is made of: an event is yielded, a gate waits, an error is raised, a function is
called (to break a disk, say, between two words)."""


def crash(phase: str) -> EngineCrashed:
    """The error of an engine process that died in `phase`: load, encode, prefill or decode."""
    return EngineCrashed(
        f"The engine stopped while it was busy with: {phase}",
        "Send the message again",
        phase=phase,
        log_tail="GGML_ASSERT failed",
    )


def answer(*words: str) -> tuple[Step, ...]:
    """A script of one delta for each of `words`."""
    return tuple(Delta(word, count) for count, word in enumerate(words, start=1))


def small_plan(request: Load) -> Planned:
    """A model of 100 MB on the CPU, with 1 MB of KV cache for 64 tokens."""
    ctx = request.ctx or 4096
    cpu = DeviceMemory("CPU", False, 100_000_000, ctx * 15_625, 20_000_000)
    return Planned(ctx, 4096, (cpu,), 30_000_000, 2_000_000, False, 50_000_000)


class FakeEngine:
    """Plays scripts instead of running a model.

    Attributes:
        loads: Every `Load` received.
        requests: Every `Generate` received.
        prepared: Every `Prepare` received.
        aborts: How often a running request was ended by `abort`.
        concludes: How often `conclude` was called.
        cancels: How often `cancel` was called.
        abandoned: How many iterators were closed before their end.
        unloads: How often `unload` was called.
        closed: Whether `close` was called.
        plans: Every `Load` that was to be planned.
        planned: Says what a load would take.
        measured: Says what a picture would take, given the chat's detail.
    """

    def __init__(self, info: ModelInfo = INFO) -> None:
        self.plans: list[Load] = []
        self.planned: Callable[[Load], Planned] = small_plan
        self.measured: Callable[[ImagePart, Detail], int] = lambda image, detail: 576
        self.loads: list[Load] = []
        self.requests: list[Generate] = []
        self.prepared: list[Prepare] = []
        self.cancels = 0
        self.aborts = 0
        self.concludes = 0
        self.abandoned = 0
        self.unloads = 0
        self.closed = False
        self._info = info
        self._load_scripts: deque[tuple[Step, ...]] = deque()
        self._scripts: deque[tuple[Step, ...]] = deque()
        self._prepare_scripts: deque[tuple[Step, ...]] = deque()
        self._lock = threading.Lock()
        self._loaded = False
        self._running = False
        self._cancelled = threading.Event()
        self._gate: Gate | None = None

    def script(self, *steps: Step) -> None:
        """Queue what the next answer is made of; `Finished` is added when the last step isn't one.

        Without a script the engine answers "Yes." to everything.
        """
        self._scripts.append(steps)

    def forget_scripts(self) -> None:
        """Drop what was queued and not played."""
        self._scripts.clear()
        self._load_scripts.clear()
        self._prepare_scripts.clear()

    def script_load(self, *steps: Step) -> None:
        """Queue what the next load is made of; `Loaded` and `Finished` follow the last step."""
        self._load_scripts.append(steps)

    def script_prepare(self, *steps: Step) -> None:
        """Queue what the next reading ahead is made of; `Finished` follows the last step."""
        self._prepare_scripts.append(steps)

    # ------------------------------------------------------------------ the protocol

    def load(self, request: Load) -> Iterator[Event]:
        """Play the next load."""
        self._begin()
        try:
            yield from self._load(request)
            yield Finished("cancelled" if self._cancelled.is_set() else "done")
        except GeneratorExit:
            self.abandoned += 1
            raise
        finally:
            self._end()

    def plan(self, request: Load) -> Planned:
        """Answer as `planned` says."""
        self.plans.append(request)
        return self.planned(request)

    def prepare(self, request: Prepare) -> Iterator[Event]:
        """Play the next script of reading ahead."""
        self._begin()
        try:
            self.prepared.append(request)
            yield from self._play(self._prepare_scripts.popleft() if self._prepare_scripts else ())
            yield Finished("cancelled" if self._cancelled.is_set() else "done")
        except GeneratorExit:
            self.abandoned += 1
            raise
        finally:
            self._end()

    def measure(self, request: Measure) -> tuple[int, ...]:
        """Answer as `measured` says."""
        return tuple(self.measured(image, request.detail) for image in request.images)

    def generate(self, request: Generate) -> Iterator[Event]:
        """Play the next script."""
        self._begin()
        try:
            self.requests.append(request)
            if not self.loads:
                raise GenerateFailed("No model is loaded", "Load a model first")
            if not self._loaded:
                yield from self._load(self.loads[-1], again=True)
            script = self._scripts.popleft() if self._scripts else _yes()
            finished = False
            for event in self._play(script):
                finished = isinstance(event, Finished)
                yield event
            if not finished:
                yield Finished("cancelled" if self._cancelled.is_set() else "stop", STATS)
        except GeneratorExit:
            self.abandoned += 1
            raise
        finally:
            self._end()

    def cancel(self) -> None:
        """End the running script at its next step, and the gate it stands at."""
        with self._lock:
            self.cancels += 1
            if not self._running:
                return
            self._cancelled.set()
            if self._gate is not None:
                self._gate.open()

    def conclude(self) -> None:
        """Open the gate that the running script stands at."""
        with self._lock:
            self.concludes += 1
            if self._running and self._gate is not None:
                self._gate.open()

    def abort(self) -> None:
        """End the running script, and forget the model."""
        with self._lock:
            if not self._running:
                return
            self.aborts += 1
        self.cancel()
        self._loaded = False

    def unload(self) -> None:
        """Forget the model."""
        with self._lock:
            if self._running:
                raise AssertionError("unloaded while a request runs")
        self.unloads += 1
        self._loaded = False

    def close(self) -> None:
        """Forget the model, and end what runs."""
        self.cancel()
        self.closed = True
        self._loaded = False

    @property
    def pid(self) -> int | None:
        """A number while the process would be running."""
        return FAKE_PID if self._loaded or self._running else None

    @property
    def info(self) -> ModelInfo | None:
        """What is loaded."""
        return self._info if self._loaded else None

    # ------------------------------------------------------------------ playing

    def _begin(self) -> None:
        with self._lock:
            if self._running:
                raise AssertionError("two requests at a time")
            self._running = True
            self._cancelled.clear()

    def _end(self) -> None:
        with self._lock:
            self._running = False
            self._gate = None

    def _load(self, request: Load, *, again: bool = False) -> Iterator[Event]:
        if not again:
            self.loads.append(request)
        self._loaded = False
        script = self._load_scripts.popleft() if self._load_scripts else (Loading(0.5),)
        yield from self._play(script)
        if not self._cancelled.is_set():
            self._loaded = True
            self._info = msgspec.structs.replace(
                self._info, name=request.name, source=request.source
            )
            yield Loaded(self._info)

    def _play(self, script: tuple[Step, ...]) -> Iterator[Event]:
        for step in script:
            if self._cancelled.is_set():
                return
            if isinstance(step, Gate):
                with self._lock:
                    self._gate = step
                    if self._cancelled.is_set():
                        return
                step._pass()
            elif isinstance(step, VlmtuiError):
                if isinstance(step, EngineCrashed):
                    self._loaded = False
                raise step
            elif isinstance(step, msgspec.Struct):
                yield step
            else:
                step()


def _yes() -> tuple[Step, ...]:
    return (Prefill(16, 80, 16), Prefill(80, 80, 16), *answer("Yes", "."))


_conforms: type[Engine] = FakeEngine
