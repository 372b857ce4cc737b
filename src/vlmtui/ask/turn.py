"""One turn of the conversation: its answer and statistics, gathered from the engine's events."""

from __future__ import annotations

from typing import Any

from vlmtui.engine import engine_events as events
from vlmtui.engine.engine_requests import Constraint, Load
from vlmtui.messages import ImagePart


class LoadedAs:
    """How the model is loaded, where that isn't how it was asked for."""

    def __init__(self, asked: Load) -> None:
        self._asked = asked
        self.name = asked.name
        self.changed: dict[str, int | str] = {}
        """Fields of the request, with the values that they have now."""

        self.notices: list[str] = []
        """What there was to tell of it, sentences."""

    def take(self, event: events.Event) -> None:
        match event:
            case events.Adjusted(taken=taken):
                self.changed.update(taken)
            case events.Notice(kind=kind, message=message) if kind != "invalid":
                self.notices.append(message)
            case events.Loaded(info=info) if self._asked.ctx not in (0, info.context_size):
                self.changed["ctx"] = info.context_size


class Turn:
    """What a turn came to so far."""

    def __init__(
        self,
        pictures: tuple[ImagePart, ...],
        *,
        before: Turn | None,
        load_s: float,
        model: LoadedAs,
        constraint: Constraint | None = None,
    ) -> None:
        """Begin; the pictures are all of the conversation's.

        How the model is loaded, which took `load_s` seconds or 0, may change meanwhile.
        """
        self._constraint = constraint
        self.invalid: events.Notice | None = None
        """Why the answer isn't what it must be."""

        self._model = model
        self._pictures = pictures
        self._tokens: dict[int, int] = {} if before is None else before._tokens.copy()
        self._encode_s: dict[int, float] = {}
        self._scaled: dict[int, tuple[int, int] | None] = {} if before is None else before._scaled
        self._first_picture = 0
        self._unseen = False
        self._trimmed: events.Trimmed | None = None
        self._load_s = load_s
        self._deltas: list[str] = []
        self._thoughts: list[str] = []
        self.reason: events.FinishReason = "cancelled"
        """Why the answer ended; an answer that never came to its end was cancelled."""
        self.stats = events.Stats()

    @property
    def text(self) -> str:
        return "".join(self._deltas)

    @property
    def thought(self) -> str:
        """What was thought before it."""
        return "".join(self._thoughts).strip()

    def take(self, event: events.Event) -> str:
        """Note an event; returns what it adds to the answer, often nothing."""
        match event:
            case events.Delta(text=text):
                self._deltas.append(text)
                return text
            case events.Thought(text=text):
                self._thoughts.append(text)
            case events.Encoded(image=image, tokens=tokens, seconds=seconds, scaled_to=size):
                self._scaled[image] = size
                self._tokens[image] = tokens
                self._encode_s[image] = seconds
            case events.Trimmed(images=images):
                self._trimmed = event
                self._first_picture = images
            case events.Notice(kind="invalid"):
                self.invalid = event
            case events.Unseen():
                self._unseen = True
            case events.Loaded(info=info):  # again, after the engine's process had died
                self._load_s = info.load_s
            case events.Finished(reason=reason, stats=stats):
                self.reason = reason
                self.stats = stats
        return ""

    def as_json(self, model: str) -> dict[str, Any]:
        """The turn as `--json` prints it. Times in seconds, rates in tokens per second."""
        stats = self.stats
        return {
            "text": self.text,
            **self._parsed(),
            "thought": self.thought,
            "model": model,
            "finish_reason": self.reason,
            "images": [
                {
                    "path": picture.name,
                    "width": picture.width,
                    "height": picture.height,
                    "tokens": self._tokens.get(index, 0),
                    "encode_s": round(self._encode_s.get(index, 0.0), 6),
                    "scaled_to": self._scaled.get(index),
                }
                for index, picture in enumerate(self._pictures)
                if index >= self._first_picture and not self._unseen
            ],
            "trimmed": self._trimmed
            and {"messages": self._trimmed.dropped, "images": self._trimmed.images},
            "changed": self._model.changed,
            "notices": self._model.notices,
            "stats": {
                "prompt_tokens": stats.prompt_tokens,
                "reused_tokens": stats.reused_tokens,
                "image_tokens": stats.image_tokens,
                "generated_tokens": stats.generated_tokens,
                "thought_tokens": stats.thought_tokens,
                "thought_s": round(stats.thought_s, 6),
                "load_s": round(self._load_s, 6),
                "encode_s": round(stats.encode_s, 6),
                "prefill_s": round(stats.prefill_s, 6),
                "time_to_first_token_s": round(stats.time_to_first_token_s, 6),
                "network_s": round(stats.network_s, 6),
                "prefill_tokens_per_s": round(stats.prefill_tokens_per_s, 3),
                "decode_tokens_per_s": round(stats.decode_tokens_per_s, 3),
                "context_used": stats.context_used,
                "context_size": stats.context_size,
            },
        }

    def _parsed(self) -> dict[str, Any]:
        """What the answer says, where it must be of a form; null where it isn't of it."""
        if self._constraint is None:
            return {}
        if self.invalid is not None or self.reason == "cancelled":
            why = "it was cancelled" if self.invalid is None else self.invalid.message
            return {"data": None, "invalid": why}
        from vlmtui.engine.structured import constraints

        return {"data": constraints.data(self._constraint, self.text), "invalid": None}
