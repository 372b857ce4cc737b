"""What an engine is doing, as one value that the screen shows."""

from __future__ import annotations

from enum import Enum

import msgspec

from vlmtui import units
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Endpoint

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
    """When the request began; on the clock of who follows it."""

    first_token: float | None = None
    """Seconds from request to first text as seen here; at the end, what the engine measured."""

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
