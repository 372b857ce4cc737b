"""What of a message that is being written is worth reading before it is sent."""

from __future__ import annotations

from collections.abc import Sequence

from vlmtui.compose import mentions
from vlmtui.compose.mentions import Token
from vlmtui.messages import Message, user

LONG = 2_000
"""Characters; what is shorter is read in no time when it is sent."""


def certain_part(text: str, tokens: Sequence[Token]) -> str:
    """A text up to its last picture or long text; empty where it has neither."""
    end = max((token.end for token in tokens), default=0)
    return text if len(text) - end >= LONG else text[:end]


def worth_reading(text: str, tokens: Sequence[Token]) -> Message | None:
    """A question up to its last picture or long text; None where it has neither.

    Args:
        text: What is written.
        tokens: The pictures and long texts in it.
    """
    part = certain_part(text, tokens)
    if not part:
        return None
    draft = mentions.take_out(part, tokens)
    return user(draft.text, draft.images, draft.places)
