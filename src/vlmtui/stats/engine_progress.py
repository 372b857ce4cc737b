"""How what an engine does, and what is asked of it, changes its state.

Pure: it knows neither widgets nor clocks; the caller says when an event arrived.
"""

from __future__ import annotations

import msgspec

from vlmtui.engine.engine_events import (
    Delta,
    Encoded,
    Encoding,
    Finished,
    Loaded,
    Loading,
    Prefill,
    Stats,
    Thought,
    Trimmed,
    Waiting,
)
from vlmtui.printable import line
from vlmtui.stats.engine_state import EngineState, Phase

_NAME = 24
"""Characters of a model's name in the words for a queue."""


def waits_for(event: Waiting) -> str:
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
