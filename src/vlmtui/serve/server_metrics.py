"""What a server has done and how the machine does, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vlmtui.engine.engine_events import Stats
from vlmtui.hardware.base import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SUMS = {
    "prompt_tokens": "Tokens of all prompts",
    "reused_tokens": "Tokens of prompts that were in the cache",
    "image_tokens": "Tokens of pictures in prompts",
    "generated_tokens": "Tokens of answers",
    "encode_s": "Time in the vision tower",
    "prefill_s": "Time to read prompts",
    "decode_s": "Time to write answers",
    "time_to_first_token_s": "Time to the first token, of all answers together",
}
"""Fields of `Stats`, and what their sums mean."""


class ServerMetrics:
    """Counts. Used from one thread."""

    def __init__(self) -> None:
        self._requests: Counter[int] = Counter()
        self._sums: Counter[str] = Counter()
        self._answers = 0
        self.snapshot: Snapshot | None = None
        """The machine now, where somebody watches it."""

    def watch(self, snapshot: Snapshot) -> None:
        """The machine is like this now; may be called from another thread."""
        self.snapshot = snapshot

    def request(self, status: int) -> None:
        """A request was answered; 499 where the client had gone before."""
        self._requests[status] += 1

    def answer(self, stats: Stats) -> None:
        self._answers += 1
        for name in _SUMS:
            self._sums[name] += getattr(stats, name)

    def text(self, *, running: int, waiting: int) -> str:
        """All of it, with the answers in progress and the requests that wait for their turn."""
        return "\n".join([*self._counters(), *self._gauges(running, waiting), ""])

    def _counters(self) -> Iterator[str]:
        yield from _head("requests_total", "counter", "Requests, by the status they got")
        for status, count in sorted(self._requests.items()):
            yield f'vlmtui_requests_total{{status="{status}"}} {count}'
        yield from _one("answers_total", "counter", "Answers that were finished", self._answers)
        for name, about in _SUMS.items():
            whole = name.removesuffix("_s") + ("_seconds" if name.endswith("_s") else "")
            yield from _one(f"{whole}_total", "counter", about, round(self._sums[name], 6))

    def _gauges(self, running: int, waiting: int) -> Iterator[str]:
        yield from _one("answers_running", "gauge", "Answers in progress", running)
        yield from _one("requests_waiting", "gauge", "Requests waiting for their turn", waiting)
        now = self.snapshot
        if now is None:
            return
        for name, about, value in (
            ("engine_memory_bytes", "Main memory of the engine's process", now.engine_rss_bytes),
            ("engine_gpu_memory_bytes", "GPU memory of the engine", now.engine_gpu_bytes),
            ("memory_available_bytes", "Main memory that is free", now.ram_available_bytes),
            ("gpu_load_ratio", "Share of the time that the GPU is busy", now.gpu_load),
            ("power_watts", "Power that the board draws", now.power_w),
        ):
            if value is not None:
                yield from _one(name, "gauge", about, value)
        if now.temperatures:
            yield from _head("temperature_celsius", "gauge", "Temperatures, by the board's names")
        for place, celsius in now.temperatures:
            label = place.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
            yield f'vlmtui_temperature_celsius{{place="{label}"}} {celsius}'


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP vlmtui_{name} {about}."
    yield f"# TYPE vlmtui_{name} {kind}"


def _one(name: str, kind: str, about: str, value: float) -> Iterator[str]:
    yield from _head(name, kind, about)
    yield f"vlmtui_{name} {value}"
