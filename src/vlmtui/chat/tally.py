"""What an answer took, gathered from the engine's events: the JSON that is kept with it.

Beside the fields of the engine's `Stats` and `finish_reason` it has `pictures` (what each cost, in
the order of the prompt), `trimmed` (what the context had no room for), `unseen` (pictures that this
model doesn't see), `invalid` (why it isn't of the form that was asked for) and, for an answer that
was stopped and went on, `continued` (how often). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vlmtui.engine.engine_events import Encoded, Event, Finished, Notice, Trimmed, Unseen
from vlmtui.messages import Message, Role

_SUMS = (
    *("generated_tokens", "thought_tokens"),
    *("encode_s", "prefill_s", "decode_s", "thought_s"),
)
_LATEST = ("context_used", "context_size", "finish_reason")


class Tally:
    """Listens to one `Generate`."""

    def __init__(self, messages: Sequence[Message]) -> None:
        """Begin; `messages` are all of the request's: the engine numbers pictures among these."""
        self._messages = messages
        self._images = [image for message in messages for image in message.images]
        self._pictures: dict[int, dict[str, Any]] = {}
        self._trimmed: dict[str, Any] | None = None
        self._unseen: list[str] = []
        self._invalid = ""

    def take(self, event: Event) -> None:
        match event:
            case Encoded() if event.image < len(self._images):
                self._pictures[event.image] = {
                    "sha256": self._images[event.image].sha256,
                    "tokens": event.tokens,
                    "seconds": event.seconds,
                    "reused": event.reused,
                    "scaled_to": event.scaled_to and list(event.scaled_to),
                }
            case Trimmed():
                self._trimmed = {"dropped": event.dropped, "images": self._left(event.dropped)}
            case Notice(kind="invalid", message=message):
                self._invalid = message
            case Unseen():
                self._unseen = list(dict.fromkeys(image.sha256 for image in self._images))

    def stats(self, finished: Finished) -> dict[str, Any]:
        stats = {**msgspec.structs.asdict(finished.stats), "finish_reason": finished.reason}
        if self._pictures:
            stats["pictures"] = [self._pictures[index] for index in sorted(self._pictures)]
        if self._trimmed:
            stats["trimmed"] = self._trimmed
        if self._unseen:
            stats["unseen"] = self._unseen
        if self._invalid:
            stats["invalid"] = self._invalid
        return stats

    def _left(self, dropped: int) -> list[str]:
        """Pictures that were only in the messages left out, each once, by digest."""
        first = 1 if self._messages and self._messages[0].role is Role.SYSTEM else 0
        cut = first + dropped
        told = {image.sha256 for message in self._messages[cut:] for image in message.images}
        gone = [image.sha256 for message in self._messages[:cut] for image in message.images]
        return [digest for digest in dict.fromkeys(gone) if digest not in told]


def continued(before: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """The statistics of an answer that went on: tokens and seconds add up.

    What the question took to read, and the time to the first token, stay those of the beginning;
    of a beginning without statistics (its process died) only the rest is told.
    """
    if not before or "generated_tokens" not in before:
        return {**(before or {}), **more, "continued": 1}
    sums = {key: before.get(key, 0) + more.get(key, 0) for key in _SUMS}
    stats = {
        **before,
        **sums,
        **{key: more[key] for key in _LATEST if key in more},
        "prefill_tokens_per_s": _rate(before, more, "prefill_tokens_per_s", "prefill_s"),
        "decode_tokens_per_s": _rate(before, more, "decode_tokens_per_s", "decode_s"),
        "continued": before.get("continued", 0) + 1,
    }
    stats.pop("invalid", None)  # the whole was looked at again
    for key in ("trimmed", "unseen", "invalid"):
        if key in more:
            stats[key] = more[key]
    if "pictures" in more:
        stats["pictures"] = _joined(before.get("pictures", []), more["pictures"])
    return stats


def _rate(before: Mapping[str, Any], more: Mapping[str, Any], rate: str, time: str) -> float:
    """A rate over both parts: tokens by rate and time, since the first token has no decoding."""
    seconds = before.get(time, 0.0) + more.get(time, 0.0)
    tokens = sum(part.get(rate, 0.0) * part.get(time, 0.0) for part in (before, more))
    return float(tokens / seconds) if seconds > 0 else 0.0


def _joined(
    before: Sequence[Mapping[str, Any]], more: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The pictures of the later prompt, with what they cost in both."""
    costs = [dict(each) for each in before]
    pictures = []
    for each in more:
        earlier = next((cost for cost in costs if cost["sha256"] == each["sha256"]), None)
        if earlier is None:
            pictures.append(dict(each))
            continue
        costs.remove(earlier)
        pictures.append(
            {
                **each,
                "seconds": earlier["seconds"] + each["seconds"],
                "reused": earlier["reused"] and each["reused"],
            }
        )
    return pictures
