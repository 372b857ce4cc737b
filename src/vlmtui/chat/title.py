"""What a chat is called until its user says otherwise."""

from __future__ import annotations

from vlmtui.messages import Message, readable

MAX_LENGTH = 60
"""Characters; a list of chats shows a title on one line."""


def title_of(question: Message) -> str:
    """The beginning of the first question, or else the name of its first picture, on one line."""
    words = "".join(sign if sign.isprintable() else " " for sign in readable(question)).split()
    if not words and question.images:
        words = question.images[0].name.split()
    title = " ".join(words)
    if len(title) <= MAX_LENGTH:
        return title
    cut = title[: MAX_LENGTH - 1]
    beginning, _, rest = cut.rpartition(" ")
    # A language without spaces, or one endless word, is cut where it stands.
    return (beginning if len(rest) < MAX_LENGTH // 2 and beginning else cut) + "…"
