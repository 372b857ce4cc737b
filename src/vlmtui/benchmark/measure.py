"""One model, measured: load, encode, prefill, decode, follow-up, memory, energy."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from vlmtui import paths
from vlmtui.benchmark.result import Decode, ModelResult, Spread
from vlmtui.engine import images
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Absent, Finished, Loaded, ModelInfo, Stats
from vlmtui.engine.engine_requests import Constraint, Endpoint, Generate, Load, Sampling
from vlmtui.errors import EngineError
from vlmtui.hardware.bandwidth import Bandwidth, bounds, share
from vlmtui.hardware.base import Snapshot
from vlmtui.hardware.energy import EnergyMeter
from vlmtui.hardware.host import peak_rss
from vlmtui.hardware.monitor import Monitor
from vlmtui.messages import ImagePart, Message, assistant, user

LENGTHS = (16, 64, 256)
"""Tokens of the answers that decoding is measured with."""

PROMPT_WORDS = 300
"""Of the text that prefill is measured with: enough to fill llama.cpp's batches."""

Progress = Callable[[str], None]
"""Is told what is being measured, in a few words."""

_ANY = Sampling(temperature=50, top_k=0, top_p=1, min_p=0, seed=1)
"""Draws among all tokens alike, so that a model hardly ever ends its answer early."""

_HOTTEST = 2.0
"""Highest temperature that OpenAI's protocol has."""

_SAMPLE_S = 0.2
_REST_SAMPLES = 5


def measure(
    load: Load,
    picture: Path,
    *,
    repeat: int,
    bandwidth: Bandwidth | None,
    progress: Progress,
    lengths: Sequence[int] = LENGTHS,
    constraint: Constraint | None = None,
) -> ModelResult:
    """Measure a model in an engine of its own, each quantity so often.

    Answers have as many tokens as `lengths` say; those in a constraint's format are measured, too.
    Without the bandwidth of the memory that the model will lie in, its share is left out.

    Raises:
        EngineError: The model can't be loaded, or fails.
        ImageError: The picture can't be used.
    """
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="vlmtui-bench-")))
        run = _Run(load, cleanup)
        progress("load")
        loads = [run.load() for _ in range(repeat)]
        info = run.info
        result = ModelResult(
            name=load.title,
            description=info.description,
            size_bytes=info.size_bytes,
            context=info.context_size,
            gpu=info.gpu,
            load_s=Spread(tuple(loads)),
            server=load.source.host if isinstance(load.source, Endpoint) else "",
        )
        if info.vision:
            progress("a picture, and a second question about it")
            result = run.questions(result, list(_variants(picture, folder, repeat)))
        progress("prefill")
        result = msgspec.structs.replace(result, prefill_tokens_per_s=run.prefill(repeat))
        decode = []
        for tokens in lengths:
            progress(f"decode {tokens:,} tokens")
            decode.append(run.decode(tokens, repeat))
        if constraint is not None:
            progress("answers in the format")
            result = run.structured(result, constraint, max(lengths), repeat)
        return run.costs(msgspec.structs.replace(result, decode=tuple(decode)), bandwidth)


class _Run:
    """A model in its engine, and what the machine does meanwhile."""

    def __init__(self, load: Load, cleanup: ExitStack) -> None:
        self._request = load
        self._engine = EngineClient(paths.engine_log_path())
        cleanup.callback(self._engine.close)
        while Absent(others=True) in list(self._engine.make_room()):
            pass  # nothing that others hold shall count
        self._watch = _Watch(lambda: self._engine.pid)
        cleanup.callback(self._watch.stop)
        self._number = 0
        self._decoded = 0
        self._watch.at_rest()

    @property
    def info(self) -> ModelInfo:
        info = self._engine.info
        if info is None:
            raise EngineError("The model was unloaded", "Try again")
        return info

    def load(self) -> float:
        """Load the model anew, in a process that was there already; seconds."""
        seconds = 0.0
        self._engine.unload()
        with self._watch.phase("load"):
            for event in self._engine.load(self._request):
                if isinstance(event, Loaded):
                    seconds = event.info.load_s
        return seconds

    def questions(self, result: ModelResult, pictures: Sequence[ImagePart]) -> ModelResult:
        """A question about each picture, and a second one about the same."""
        encodes, firsts, seconds, tokens = [], [], [], 0
        for picture in pictures:
            question = user("What is in this picture?", (picture,))
            first, text = self._ask((question,), 8)
            encodes.append(first.encode_s)
            firsts.append(first.time_to_first_token_s)
            tokens = first.image_tokens
            follow_up = (question, assistant(text or "A picture."), user("And what else?"))
            seconds.append(self._ask(follow_up, 8)[0].time_to_first_token_s)
        return msgspec.structs.replace(
            result,
            encode_s=_spread(encodes),
            image_tokens=tokens or None,
            first_token_s=Spread(tuple(firsts)),
            follow_up_s=Spread(tuple(seconds)),
        )

    def prefill(self, repeat: int) -> Spread | None:
        """Reading a text that begins differently each time, so that nothing is reused."""
        words = min(PROMPT_WORDS, self.info.context_size // 4 or PROMPT_WORDS)
        speeds = []
        for _ in range(repeat):
            text = f"{self._unique()} " + " ".join(["word"] * words)
            speeds.append(self._ask((user(text),), 1)[0].prefill_tokens_per_s)
        return _spread(speeds)

    def decode(self, tokens: int, repeat: int) -> Decode:
        """Answers of this many tokens."""
        speeds = []
        for _ in range(repeat):
            with self._watch.phase("decode"):
                stats, _ = self._ask((user(f"{self._unique()} Tell me a long story."),), tokens)
            self._decoded += stats.generated_tokens
            speeds.append(stats.decode_tokens_per_s)
        return Decode(tokens, Spread(tuple(speeds)))

    def structured(
        self, result: ModelResult, constraint: Constraint, tokens: int, repeat: int
    ) -> ModelResult:
        """Answers in a format, of at most so many tokens; the likeliest that the model has."""
        sampling = Sampling(temperature=0, max_tokens=tokens, constraint=constraint)
        speeds, seconds = [], []
        for _ in range(repeat):
            stats, _ = self._answer((user(f"{self._unique()} Tell me of an animal."),), sampling)
            speeds.append(stats.decode_tokens_per_s)
            seconds.append(stats.time_to_first_token_s + stats.decode_s)
        return msgspec.structs.replace(
            result, structured_tokens_per_s=_spread(speeds), structured_s=Spread(tuple(seconds))
        )

    def costs(self, result: ModelResult, bandwidth: Bandwidth | None) -> ModelResult:
        """Memory, energy, and the share of the limit, from all that was measured."""
        if result.server:
            return result  # what this machine does meanwhile is not what it costs
        energy = self._watch.decode_joules()
        if bandwidth is not None and not bounds(bandwidth, gpu=result.gpu):
            bandwidth = None
        best = max((decode.tokens_per_s.median for decode in result.decode), default=0.0)
        return msgspec.structs.replace(
            result,
            peak_memory_bytes=peak_rss(self._engine.pid),
            peak_gpu_bytes=self._watch.peak_gpu,
            power_w=self._watch.decode_watts(),
            joules_per_token=energy / self._decoded if energy is not None else None,
            bandwidth_share=share(best, result.size_bytes, bandwidth) if bandwidth else None,
        )

    def _ask(self, messages: tuple[Message, ...], tokens: int) -> tuple[Stats, str]:
        heat = _HOTTEST if isinstance(self._request.source, Endpoint) else _ANY.temperature
        return self._answer(
            messages, msgspec.structs.replace(_ANY, temperature=heat, max_tokens=tokens)
        )

    def _answer(self, messages: tuple[Message, ...], sampling: Sampling) -> tuple[Stats, str]:
        stats, words = Stats(), []
        for event in self._engine.generate(Generate(messages, sampling)):
            if isinstance(event, Finished):
                stats = event.stats
            elif hasattr(event, "text"):
                words.append(event.text)
        return stats, "".join(words)

    def _unique(self) -> str:
        self._number += 1
        return f"Number {self._number}."


class _Watch:
    """What the machine shows while it is measured; its samples come in a thread of their own."""

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._lock = threading.Lock()
        self._rested = threading.Event()
        self._samples = 0
        self._phase: str | None = None
        self._energy = EnergyMeter()
        self._watts: list[float] = []
        self.peak_gpu: int | None = None
        self._monitor = Monitor(pid, self._take, interval=_SAMPLE_S)
        self._monitor.start()

    def stop(self) -> None:
        self._monitor.stop()

    def at_rest(self) -> None:
        """Wait until the machine was seen at rest for a second, before anything begins."""
        self._rested.wait(2 * _REST_SAMPLES * _SAMPLE_S)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What goes on inside belongs to this phase."""
        with self._lock:
            self._phase = name
        try:
            yield
        finally:
            with self._lock:
                self._phase = "between"

    def decode_watts(self) -> float | None:
        """Median power while decoding."""
        with self._lock:
            return Spread(tuple(self._watts)).median if self._watts else None

    def decode_joules(self) -> float | None:
        """Energy of all decoding, less idle power; None where either wasn't measured."""
        with self._lock:
            energy = self._energy.energy()
        if energy is None or energy.idle_w is None:
            return None
        return energy.phases.get("decode")

    def _take(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._energy.sample(snapshot.time, snapshot.power_w, self._phase)
            if self._phase == "decode" and snapshot.power_w is not None:
                self._watts.append(snapshot.power_w)
            self.peak_gpu = max(self.peak_gpu or 0, snapshot.engine_gpu_bytes or 0) or None
            self._samples += 1
            if self._samples >= _REST_SAMPLES:
                self._rested.set()


def _spread(values: list[float]) -> Spread | None:
    """Measurements; None where there are none: not every server tells."""
    return Spread(tuple(values)) if any(values) else None


def _variants(picture: Path, folder: Path, count: int) -> Iterator[ImagePart]:
    """Copies of a picture that differ in one pixel, so that none is in a cache."""
    original = images.decode(picture)
    for number in range(count):
        copy = original.copy()
        copy.putpixel((0, 0), (number % 256, number // 256 % 256, 7))
        path = folder / f"{number}.png"
        copy.save(path)
        info = images.inspect(path)
        yield ImagePart(str(path), info.sha256, picture.name, info.width, info.height)
