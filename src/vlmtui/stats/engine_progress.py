"""How what an engine does, and what is asked of it, changes its state.

Pure: it knows neither widgets nor clocks; the caller says when an event arrived.
"""

from __future__ import annotations

import msgspec

from vlmtui.engine import engine_events as events
from vlmtui.printable import line
from vlmtui.stats.engine_state import EngineState, Phase

_NAME = 24
"""Characters of a model's name in the words for a queue."""


def waits_for(event: events.Waiting) -> str:
    """Whom a request waits for, in words."""
    who = line(event.who)
    if not event.model:
        return f"waiting for another vlmtui ({who}), {event.before} before you"
    model = line(event.model, _NAME)
    return f"waiting for {model} to finish its answer ({who}): no memory for both models"


def begin(engine_state: EngineState, now: float) -> EngineState:
    """A question was sent at `now`; of what was before, the model and its context last."""
    return EngineState(
        phase=Phase.SENDING,
        model=engine_state.model,
        info=engine_state.info,
        started=now,
        encode_s=engine_state.encode_s,
        context_used=engine_state.context_used,
        context_size=engine_state.context_size,
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
    return EngineState(
        phase=Phase.LOADING,
        model=model,
        started=engine_state.started,
        context_size=engine_state.context_size,
    )


def fold(engine_state: EngineState, event: object, now: float) -> EngineState:
    """The state after an event that arrived at `now`; an event it doesn't know changes nothing."""
    replace = msgspec.structs.replace
    if engine_state.phase is Phase.STOPPING and not isinstance(event, events.Finished):
        return engine_state
    if engine_state.waits_for:
        engine_state = replace(engine_state, waits_for="")
    match event:
        case events.Waiting():
            return replace(engine_state, waits_for=waits_for(event))
        case events.Loading(fraction=fraction):
            return replace(engine_state, phase=Phase.LOADING, fraction=fraction, info=None)
        case events.Loaded(info=info):
            return replace(
                engine_state,
                phase=Phase.READY if not engine_state.started else Phase.SENDING,
                fraction=None,
                info=info,
                model=info.name or engine_state.model,
                context_size=info.context_size,
            )
        case events.Trimmed(dropped=dropped):
            return replace(engine_state, dropped=dropped)
        case events.Encoding(image=image, of=of):
            return replace(
                engine_state,
                phase=Phase.ENCODING,
                fraction=None,
                image=image,
                images=of,
                encode_began=now,
            )
        case events.Encoded(seconds=seconds, reused=False) if seconds:
            return replace(engine_state, encode_s=seconds, image=0)
        case events.Prefill(done=done, total=total, reused=reused):
            new = total - reused
            return replace(
                engine_state,
                phase=Phase.PREFILL,
                fraction=(done - reused) / new if new > 0 else 1.0,
                prompt=total,
                reused=reused,
                context_used=done,
            )
        case events.Thought():
            state = _decoded(engine_state, event, now)
            thought_s = now - state.decode_started
            return replace(state, phase=Phase.THINKING, thought_s=thought_s)
        case events.Delta():
            return _decoded(engine_state, event, now)
        case events.Finished(stats=stats):
            return _answered(engine_state, stats)
        case _:
            return engine_state


def _decoded(
    engine_state: EngineState, event: events.Delta | events.Thought, now: float
) -> EngineState:
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


def _answered(engine_state: EngineState, stats: events.Stats) -> EngineState:
    """The engine's own measurements, at the end; a stopped server tells nothing of the prompt."""
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


class ReadingProgress:
    """A picture is half done when it is encoded, since reading it takes about as long.

    Attributes:
        fraction: 0 to 1; None where it was given up.
    """

    def __init__(self) -> None:
        self.fraction: float | None = 0.0
        self._pictures = self._encoded = 0
        self._read = 0.0

    def take(self, event: events.Event) -> None:
        match event:
            case events.Encoding(of=of):
                self._pictures = max(self._pictures, of)
            case events.Encoded(reused=False):
                self._encoded += 1
            case events.Prefill(done=done, total=total, reused=reused):
                self._read = (done - reused) / (total - reused) if total > reused else 1.0
            case events.Finished(reason=reason):
                self.fraction = 1.0 if reason == "done" else None
                return
        if self.fraction is not None:
            whole = self._read
            if self._pictures:
                whole = (self._encoded / self._pictures + self._read) / 2
            self.fraction = max(self.fraction, min(whole, 1.0))
