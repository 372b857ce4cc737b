"""Messages as lines: number, who, words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlmtui import printable
from vlmtui.commands.message_actions import is_cut_off
from vlmtui.messages import Role, readable
from vlmtui.storage.records import StoredMessage

_NAME = 40


def told(messages: Sequence[StoredMessage]) -> Iterator[str]:
    """Each message as it stands in the chat; marked where another model begins to answer."""
    model: str | None = None
    for stored in messages:
        if stored.message.role is Role.USER:
            names = [printable.line(image.name, _NAME) for image in stored.message.images]
            pictures = f" with {', '.join(names)}" if names else ""
            yield f"#{stored.id} You{pictures}{_state(stored)}: {readable(stored.message)}"
            continue
        if model is not None and stored.model != model:
            yield f"From here on {printable.line(stored.model or 'another model', _NAME)} answers."
        model = stored.model
        who = printable.line(stored.model or "Model", _NAME)
        yield f"#{stored.id} {who}{_state(stored)}: {stored.message.text}"


def _state(stored: StoredMessage) -> str:
    parts = [f"version {stored.sibling} of {stored.siblings}"] if stored.siblings > 1 else []
    if stored.message.role is Role.ASSISTANT and is_cut_off(stored):
        parts.append("cut off" if stored.status != "failed" else "failed")
    return f" ({', '.join(parts)})" if parts else ""
