"""What an engine is doing, as one value that the screen shows: events are folded into it.

Pure: it knows neither widgets nor clocks; whoever folds says when an event arrived.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from vlmtui import units
from vlmtui.engine.engine_events import (
    Delta,
    Encoded,
    Encoding,
    Finished,
    Loaded,
    Loading,
    ModelInfo,
    Prefill,
    Stats,
    Thought,
    Trimmed,
    Waiting,
)
from vlmtui.engine.engine_requests import Endpoint
from vlmtui.printable import line

_NAME = 24
_SHOWN_S = 2.0
"""Shorter waits aren't told in seconds."""


class Phase(str, Enum):
    """What the engine is busy with, in words for the screen."""

    ABSENT = "not loaded"
    LOADING = "loading"
    READY = "ready"
    SENDING = "sending"
    ENCODING = "encoding"
    PREFILL = "prefill"
    THINKING = "thinking"
    DECODING = "decoding"
    STOPPING = "stopping"


BUSY = frozenset(
    {
        *(Phase.SENDING, Phase.ENCODING, Phase.PREFILL, Phase.THINKING, Phase.DECODING),
        Phase.STOPPING,
    }
)
"""Phases of an answer on its way."""


class EngineState(msgspec.Struct, frozen=True):
    """The state of the engine and of the answer it is giving, or gave last."""

    phase: Phase = Phase.ABSENT
    fraction: float | None = None
    """Progress of the phase, 0 to 1; None where there is nothing to count."""

    image: int = 0
    """1-based, while encoding."""

    images: int = 0
    """Pictures that this prompt must encode."""

    encode_began: float = 0.0
    """When the vision tower got the picture that it has."""

    encode_s: float = 0.0
    """What this model's last picture took in the vision tower."""

    waits_for: str = ""
    """Whose turn it is, in words; empty while this one waits for nobody."""

    model: str = ""
    info: ModelInfo | None = None
    started: float = 0.0
    """When the request began; seconds of the folder's clock."""

    first_token: float | None = None
    """Seconds from the request to the first text as seen here; in the end the engine's figure."""

    decode_started: float = 0.0
    first_count: int = 0
    generated: int = 0
    thought_s: float = 0.0
    """Seconds for which it has thought in this answer."""

    tokens_per_s: float | None = None
    """Live while decoding, the whole answer's at the end."""

    encoding_s: float = 0.0
    """What all pictures of this prompt took in the vision tower, once it is answered."""

    network_s: float = 0.0
    """How much of `first_token` was the way to a server that tells its own times."""

    prefill_per_s: float | None = None
    """Tokens per second of the rest of the prompt, once it is answered."""

    prompt: int = 0
    reused: int = 0
    context_used: int = 0
    context_size: int = 0
    dropped: int = 0
    """Messages that the last prompt had no room for."""

    @property
    def host(self) -> str | None:
        """The server that the words go to; None where they stay here."""
        source = self.info.source if self.info is not None else None
        return source.host if isinstance(source, Endpoint) else None

    @property
    def busy(self) -> bool:
        """An answer is on its way."""
        return self.phase in BUSY

    def label(self) -> str:
        """The phase in a few words: "prefill 40 %", "encoding picture 1/2"."""
        if self.waits_for and self.phase is not Phase.STOPPING:
            return self.waits_for
        text = self.phase.value
        if self.phase is Phase.ENCODING:
            text += f" picture {self.image}/{self.images}" if self.images > 1 else " picture"
        if self.phase is Phase.THINKING:
            count = f"{units.count(self.generated)} token{'s' if self.generated != 1 else ''}"
            text += f" {self.thought_s:.0f} s, {count}"
        if self.fraction is not None:
            text += f" {self.fraction:.0%}".replace("%", " %")
        return text

    def waiting(self, now: float) -> str:
        """What an answer without words waits for, and for how long: "encoding picture 30 % · 4 s".

        The vision tower tells nothing of how far it is; the picture before it has shown how long it
        takes, and it can't be stopped.
        """
        text = self.label()
        if text == self.waits_for:
            text += " · Esc leaves the queue"
        left = self.encode_began + self.encode_s - now if self.encode_s else 0.0
        if self.phase is Phase.ENCODING and left > 0:
            text += f" {1 - left / self.encode_s:.0%}".replace("%", " %")
        elif self.phase is Phase.STOPPING and self.image:
            text += " when the picture is encoded"
            text += f", in about {left:.0f} s" if left >= 1 else ""
        seconds = now - self.started if self.started else 0.0
        return f"{text} · {seconds:.0f} s" if seconds >= _SHOWN_S else text


def waits_for(event: Waiting) -> str:
    """Whom a request waits for, in words."""
    who = line(event.who)
    if not event.model:
        return f"waiting for another vlmtui ({who}), {event.before} before you"
    model = line(event.model, _NAME)
    return f"waiting for {model} to finish its answer ({who}): no memory for both models"


def begin(engine_state: EngineState, now: float) -> EngineState:
    """A question was sent at `now`."""
    return msgspec.structs.replace(
        engine_state,
        phase=Phase.SENDING,
        fraction=None,
        waits_for="",
        started=now,
        first_token=None,
        generated=0,
        image=0,
        thought_s=0.0,
        tokens_per_s=None,
        encoding_s=0.0,
        network_s=0.0,
        prefill_per_s=None,
        prompt=0,
        reused=0,
        dropped=0,
    )


def idle(engine_state: EngineState) -> EngineState:
    """Nothing runs any more, however it ended."""
    phase = Phase.ABSENT if engine_state.info is None else Phase.READY
    return msgspec.structs.replace(engine_state, phase=phase, fraction=None, waits_for="")


def unloaded(engine_state: EngineState) -> EngineState:
    """The engine's process is gone, and the model with it."""
    return msgspec.structs.replace(engine_state, info=None)


def stopping(engine_state: EngineState) -> EngineState:
    """The user wants the answer to end."""
    return msgspec.structs.replace(engine_state, phase=Phase.STOPPING, fraction=None)


def exchanging(engine_state: EngineState, model: str) -> EngineState:
    """Another model is going to be loaded; what the old one's answer took is no longer shown."""
    waiting = engine_state.started
    return msgspec.structs.replace(
        begin(engine_state, waiting),
        phase=Phase.LOADING,
        model=model,
        info=None,
        context_used=0,
        encode_s=0.0,
    )


def fold(engine_state: EngineState, event: object, now: float) -> EngineState:
    """The figures after an event that arrived at `now`. Events without figures change nothing."""
    replace = msgspec.structs.replace
    if engine_state.phase is Phase.STOPPING and not isinstance(event, Finished):
        return engine_state
    if engine_state.waits_for:
        engine_state = replace(engine_state, waits_for="")
    match event:
        case Waiting():
            return replace(engine_state, waits_for=waits_for(event))
        case Loading(fraction=fraction):
            return replace(engine_state, phase=Phase.LOADING, fraction=fraction, info=None)
        case Loaded(info=info):
            return replace(
                engine_state,
                phase=Phase.READY if not engine_state.started else Phase.SENDING,
                fraction=None,
                info=info,
                model=info.name or engine_state.model,
                context_size=info.context_size,
            )
        case Trimmed(dropped=dropped):
            return replace(engine_state, dropped=dropped)
        case Encoding(image=image, of=of):
            return replace(
                engine_state,
                phase=Phase.ENCODING,
                fraction=None,
                image=image,
                images=of,
                encode_began=now,
            )
        case Encoded(seconds=seconds, reused=False) if seconds:
            return replace(engine_state, encode_s=seconds, image=0)
        case Prefill(done=done, total=total, reused=reused):
            new = total - reused
            return replace(
                engine_state,
                phase=Phase.PREFILL,
                fraction=(done - reused) / new if new > 0 else 1.0,
                prompt=total,
                reused=reused,
                context_used=done,
            )
        case Thought():
            state = _decoded(engine_state, event, now)
            thought_s = now - state.decode_started
            return replace(state, phase=Phase.THINKING, thought_s=thought_s)
        case Delta():
            return _decoded(engine_state, event, now)
        case Finished(stats=stats):
            return _answered(engine_state, stats)
        case _:
            return engine_state


def _decoded(engine_state: EngineState, event: Delta | Thought, now: float) -> EngineState:
    replace = msgspec.structs.replace
    if engine_state.first_token is None:
        return replace(
            engine_state,
            phase=Phase.DECODING,
            fraction=None,
            first_token=now - engine_state.started,
            decode_started=now,
            first_count=event.tokens,
            generated=event.tokens,
            context_used=engine_state.prompt + event.tokens,
        )
    seconds = now - engine_state.decode_started
    # under half a second the rate of a handful of tokens jumps about; who watches counts none
    told = seconds > 0.5 and event.tokens > 0
    return replace(
        engine_state,
        phase=Phase.DECODING,
        fraction=None,
        generated=event.tokens,
        context_used=engine_state.prompt + event.tokens,
        tokens_per_s=(event.tokens - engine_state.first_count) / seconds if told else None,
    )


def _answered(engine_state: EngineState, stats: Stats) -> EngineState:
    """The engine's own figures, at the end; a stopped server tells nothing of the prompt."""
    ended = msgspec.structs.replace(
        idle(engine_state),
        started=0.0,
        first_token=stats.time_to_first_token_s or engine_state.first_token,
        generated=stats.generated_tokens or engine_state.generated,
        tokens_per_s=stats.decode_tokens_per_s or engine_state.tokens_per_s,
    )
    if not stats.prompt_tokens:
        return ended
    return msgspec.structs.replace(
        ended,
        generated=stats.generated_tokens,
        encoding_s=stats.encode_s,
        network_s=stats.network_s,
        prefill_per_s=stats.prefill_tokens_per_s or None,
        prompt=stats.prompt_tokens,
        reused=stats.reused_tokens,
        context_used=stats.context_used,
        context_size=stats.context_size,
    )
