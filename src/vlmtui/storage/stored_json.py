"""JSON from the database and from imported files, checked into types once, here.

What an answer took is told by many; none of them has to doubt that a number is one. A value that
can't be is left out, and costs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vlmtui.messages import Detail

Count = Annotated[int, Meta(ge=0, le=2**53)]
Amount = Annotated[float, Meta(ge=0, le=1e18)]
Word = Annotated[str, Meta(max_length=4096)]
Side = Annotated[int, Meta(ge=1, le=2**31)]


class _Picture(msgspec.Struct):
    """What a picture of the prompt cost."""

    sha256: Word
    tokens: Count = 0
    seconds: Amount = 0.0
    reused: bool = False
    scaled_to: Annotated[list[Side], Meta(min_length=2, max_length=2)] | None = None


class _Trimmed(msgspec.Struct):
    """What the context had no room for."""

    dropped: Count = 0
    images: list[Word] = []


class _Energy(msgspec.Struct):
    """See `hardware.energy.Energy`."""

    net_j: Amount
    total_j: Amount = 0.0
    idle_w: Amount | None = None
    seconds: Amount = 0.0
    phases: dict[Word, Amount] = {}


_COUNTS = (
    *("prompt_tokens", "reused_tokens", "image_tokens", "generated_tokens"),
    "thought_tokens",
    *("context_used", "context_size", "continued", "peak_gpu_bytes"),
)
_AMOUNTS = (
    *("encode_s", "prefill_s", "time_to_first_token_s", "network_s"),
    *("decode_s", "thought_s"),
    *("prefill_tokens_per_s", "decode_tokens_per_s", "bandwidth_share", "joules_per_token"),
)
_TYPES: dict[str, Any] = {
    **dict.fromkeys(_COUNTS, Count),
    **dict.fromkeys(_AMOUNTS, Amount),
    "peak_memory_bytes": Count | None,
    "counted": bool,
    "finish_reason": Word,
    "continued_by": Word,
    "energy": _Energy,
    "trimmed": _Trimmed,
    "unseen": list[Word],
}


def stats(value: Any) -> dict[str, Any] | None:
    """What an answer took, of a mapping that somebody gives or of its JSON; else None."""
    found = mapping(value)
    if found is None:
        return None
    checked = {name: _checked(each, _TYPES.get(name, Any)) for name, each in found.items()}
    if "pictures" in found:
        listed = found["pictures"] if isinstance(found["pictures"], list) else []
        pictures = [_checked(each, _Picture) for each in listed]
        checked["pictures"] = [each for each in pictures if each is not msgspec.UNSET]
    return {name: each for name, each in checked.items() if each is not msgspec.UNSET}


def mapping(value: Any) -> dict[str, Any] | None:
    """A mapping, or JSON text of one; None for anything else."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None
    return dict(value) if isinstance(value, Mapping) else None


class Attachment(msgspec.Struct, frozen=True, array_like=True):
    """A picture of a draft."""

    sha256: str
    name: str
    detail: Detail | None = None


def attachments(value: Any) -> list[Attachment] | None:
    """The pictures of a draft; None for what is no such JSON."""
    try:
        return msgspec.json.decode(value, type=list[Attachment])
    except (msgspec.DecodeError, RecursionError, TypeError, UnicodeError):
        return None


def detail(text: Any) -> Detail | None:
    """How finely a picture is looked at; None for what is no such word or number."""
    number = isinstance(text, str) and text.isascii() and text.isdecimal()
    found = _checked(int(text[:9]) if number else text, Detail)
    return None if found is msgspec.UNSET else found


def _checked(value: Any, kind: Any) -> Any:
    """The value in plain types; UNSET where it isn't of this kind."""
    try:
        return msgspec.to_builtins(msgspec.convert(value, kind))
    except (msgspec.ValidationError, RecursionError):
        return msgspec.UNSET
