"""One turn of the conversation: its answer and figures, gathered from the engine's events."""

from __future__ import annotations

from typing import Any

from vlmtui.engine.base import Delta, Encoded, Event, Finished, FinishReason, Loaded, Stats, Trimmed
from vlmtui.messages import ImagePart


class Turn:
    """What a turn came to so far."""

    def __init__(
        self, pictures: tuple[ImagePart, ...], *, before: Turn | None, load_s: float
    ) -> None:
        """Begin.

        Args:
            pictures: All pictures of the conversation.
            before: The turn before this one.
            load_s: Seconds the model took to load for this turn, 0 when it was loaded.
        """
        self._pictures = pictures
        self._tokens: dict[int, int] = {} if before is None else before._tokens.copy()
        self._encode_s: dict[int, float] = {}
        self._first_picture = 0
        self._load_s = load_s
        self._deltas: list[str] = []
        self.reason: FinishReason = "cancelled"
        """Why the answer ended; an answer that never came to its end was cancelled."""
        self.stats = Stats()

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._deltas)

    def take(self, event: Event) -> str:
        """Note an event.

        Returns:
            What it adds to the answer, often nothing.
        """
        match event:
            case Delta(text=text):
                self._deltas.append(text)
                return text
            case Encoded(image=image, tokens=tokens, seconds=seconds):
                self._tokens[image] = tokens
                self._encode_s[image] = seconds
            case Trimmed(images=images):
                self._first_picture = images
            case Loaded(info=info):  # again, after the engine's process had died
                self._load_s = info.load_s
            case Finished(reason=reason, stats=stats):
                self.reason = reason
                self.stats = stats
        return ""

    def figures(self, model: str) -> dict[str, Any]:
        """The turn as `--json` prints it. Times in seconds, rates in tokens per second."""
        stats = self.stats
        return {
            "text": self.text,
            "model": model,
            "finish_reason": self.reason,
            "images": [
                {
                    "path": picture.name,
                    "width": picture.width,
                    "height": picture.height,
                    "tokens": self._tokens.get(index, 0),
                    "encode_s": round(self._encode_s.get(index, 0.0), 6),
                }
                for index, picture in enumerate(self._pictures)
                if index >= self._first_picture
            ],
            "stats": {
                "prompt_tokens": stats.prompt_tokens,
                "reused_tokens": stats.reused_tokens,
                "image_tokens": stats.image_tokens,
                "generated_tokens": stats.generated_tokens,
                "load_s": round(self._load_s, 6),
                "encode_s": round(stats.encode_s, 6),
                "prefill_s": round(stats.prefill_s, 6),
                "time_to_first_token_s": round(stats.time_to_first_token_s, 6),
                "prefill_tokens_per_s": round(stats.prefill_tokens_per_s, 3),
                "decode_tokens_per_s": round(stats.decode_tokens_per_s, 3),
                "context_used": stats.context_used,
                "context_size": stats.context_size,
            },
        }
