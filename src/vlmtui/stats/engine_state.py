"""What an engine is doing, as one value that the screen shows: events are folded into it.

Pure: it knows neither widgets nor clocks; whoever folds says when an event arrived.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from vlmtui.engine.base import (
    Delta,
    Encoding,
    Finished,
    Loaded,
    Loading,
    ModelInfo,
    Prefill,
    Trimmed,
)


class Phase(str, Enum):
    """What the engine is busy with, in words for the screen."""

    ABSENT = "not loaded"
    LOADING = "loading"
    READY = "ready"
    SENDING = "sending"
    ENCODING = "encoding"
    PREFILL = "prefill"
    DECODING = "decoding"
    STOPPING = "stopping"


BUSY = frozenset({Phase.SENDING, Phase.ENCODING, Phase.PREFILL, Phase.DECODING, Phase.STOPPING})
"""Phases of an answer on its way."""


class Figures(msgspec.Struct, frozen=True):
    """The state of the engine and of the answer it is giving, or gave last."""

    phase: Phase = Phase.ABSENT
    fraction: float | None = None
    """Progress of the phase, 0 to 1; None where there is nothing to count."""

    image: int = 0
    """1-based, while encoding."""

    images: int = 0
    """Pictures that this prompt must encode."""

    model: str = ""
    info: ModelInfo | None = None
    started: float = 0.0
    """When the request began; seconds of the folder's clock."""

    first_token: float | None = None
    """Seconds from the request to the first text as seen here; in the end the engine's figure."""

    decode_started: float = 0.0
    first_count: int = 0
    generated: int = 0
    tokens_per_s: float | None = None
    """Live while decoding, the whole answer's at the end."""

    prompt: int = 0
    reused: int = 0
    context_used: int = 0
    context_size: int = 0
    dropped: int = 0
    """Messages that the last prompt had no room for."""

    @property
    def busy(self) -> bool:
        """An answer is on its way."""
        return self.phase in BUSY

    def label(self) -> str:
        """The phase in a few words: "prefill 40 %", "encoding image 1/2"."""
        text = self.phase.value
        if self.phase is Phase.ENCODING:
            text += f" image {self.image}/{self.images}" if self.images > 1 else " image"
        if self.fraction is not None:
            text += f" {self.fraction:.0%}".replace("%", " %")
        return text


def begin(figures: Figures, now: float) -> Figures:
    """A question was sent at `now`."""
    return msgspec.structs.replace(
        figures,
        phase=Phase.SENDING,
        fraction=None,
        started=now,
        first_token=None,
        generated=0,
        tokens_per_s=None,
        prompt=0,
        reused=0,
        dropped=0,
    )


def idle(figures: Figures) -> Figures:
    """Nothing runs any more, however it ended."""
    phase = Phase.ABSENT if figures.info is None else Phase.READY
    return msgspec.structs.replace(figures, phase=phase, fraction=None)


def unloaded(figures: Figures) -> Figures:
    """The engine's process is gone, and the model with it."""
    return msgspec.structs.replace(figures, info=None)


def stopping(figures: Figures) -> Figures:
    """The user wants the answer to end."""
    return msgspec.structs.replace(figures, phase=Phase.STOPPING, fraction=None)


def exchanging(figures: Figures, model: str) -> Figures:
    """Another model is going to be loaded; what the old one's answer took is no longer shown."""
    waiting = figures.started
    return msgspec.structs.replace(
        begin(figures, waiting), phase=Phase.LOADING, model=model, info=None, context_used=0
    )


def fold(figures: Figures, event: object, now: float) -> Figures:
    """The figures after an event that arrived at `now`. Events without figures change nothing."""
    replace = msgspec.structs.replace
    if figures.phase is Phase.STOPPING and not isinstance(event, Finished):
        return figures
    match event:
        case Loading(fraction=fraction):
            return replace(figures, phase=Phase.LOADING, fraction=fraction, info=None)
        case Loaded(info=info):
            return replace(
                figures,
                phase=Phase.READY if not figures.started else Phase.SENDING,
                fraction=None,
                info=info,
                model=info.name or figures.model,
                context_size=info.context_size,
            )
        case Trimmed(dropped=dropped):
            return replace(figures, dropped=dropped)
        case Encoding(image=image, of=of):
            return replace(figures, phase=Phase.ENCODING, fraction=None, image=image, images=of)
        case Prefill(done=done, total=total, reused=reused):
            new = total - reused
            return replace(
                figures,
                phase=Phase.PREFILL,
                fraction=(done - reused) / new if new > 0 else 1.0,
                prompt=total,
                reused=reused,
                context_used=done,
            )
        case Delta():
            return _decoded(figures, event, now)
        case Finished(stats=stats) if stats.prompt_tokens:
            return replace(
                idle(figures),
                started=0.0,
                first_token=stats.time_to_first_token_s or figures.first_token,
                generated=stats.generated_tokens,
                tokens_per_s=stats.decode_tokens_per_s or figures.tokens_per_s,
                prompt=stats.prompt_tokens,
                reused=stats.reused_tokens,
                context_used=stats.context_used,
                context_size=stats.context_size,
            )
        case Finished():
            return replace(idle(figures), started=0.0)
        case _:
            return figures


def _decoded(figures: Figures, event: Delta, now: float) -> Figures:
    replace = msgspec.structs.replace
    if figures.first_token is None:
        return replace(
            figures,
            phase=Phase.DECODING,
            fraction=None,
            first_token=now - figures.started,
            decode_started=now,
            first_count=event.tokens,
            generated=event.tokens,
            context_used=figures.prompt + event.tokens,
        )
    seconds = now - figures.decode_started
    return replace(
        figures,
        phase=Phase.DECODING,
        fraction=None,
        generated=event.tokens,
        context_used=figures.prompt + event.tokens,
        # under half a second the rate of a handful of tokens jumps about
        tokens_per_s=(event.tokens - figures.first_count) / seconds if seconds > 0.5 else None,
    )
