"""What a document says of a message besides its text: who spoke, when, what it took.

Shared by the Markdown and the HTML export. All of it is printable, and escaped for neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from vlmtui import printable, units
from vlmtui.messages import Role
from vlmtui.storage.records import Chat, StoredMessage

_ENDINGS = {
    "streaming": "still being written when this was exported",
    "cancelled": "stopped",
    "interrupted": "interrupted",
}


def title(chat: Chat) -> str:
    """The title on one line."""
    return printable.line(chat.title).strip() or f"Chat {chat.id}"


def file_name(chat: Chat) -> str:
    """The title as the beginning of a file's name, that any file system takes."""
    words = re.sub(r"[^\w]+", "-", title(chat)).strip("-_").lower()
    while len(words.encode()) > 100:
        words = words[:-1]
    return words.strip("-_") or f"chat-{chat.id}"


def speaker(stored: StoredMessage) -> str:
    """Who says it."""
    if stored.message.role is Role.USER:
        return "You"
    if stored.message.role is Role.SYSTEM:
        return "System"
    return printable.line(stored.model or "").strip() or "Assistant"


def day(seconds: float) -> str:
    """A time as people here write it down; nothing for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return ""


def thought(stored: StoredMessage) -> str:
    """What stands in the place of a folded thought."""
    seconds = (stored.stats or {}).get("thought_s") or 0.0
    return f"Thought for {units.seconds(seconds)}" if seconds else "Thought"


def footnote(stored: StoredMessage) -> str:
    """How a message ended and what it took; nothing for a question."""
    said = [_ENDINGS[stored.status]] if stored.status in _ENDINGS else []
    if stored.status == "failed":
        said.append(printable.line(f"failed: {stored.error or 'no reason is known'}"))
    return " · ".join((*said, *_statistics(stored.stats or {})))


def _statistics(stats: Mapping[str, Any]) -> list[str]:
    words: tuple[tuple[str, Callable[[float], str]], ...] = (
        ("generated_tokens", lambda value: f"{units.count(round(value))} tokens"),
        ("decode_tokens_per_s", lambda value: f"{units.rate(value)} tok/s"),
        ("time_to_first_token_s", lambda value: f"first token after {units.seconds(value)}"),
    )
    said = []
    for name, form in words:
        value = stats.get(name)
        if isinstance(value, int | float) and 0 < value < 1e12:
            said.append(form(value))
    return said
