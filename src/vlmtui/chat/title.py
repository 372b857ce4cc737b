"""What a chat is called until its user says otherwise."""

from __future__ import annotations

from vlmtui.messages import Message, readable

MAX_LENGTH = 60
"""Characters; a list of chats shows a title on one line."""


_BETWEEN = " · "


def title_of(question: Message) -> str:
    """The beginning of the first question, and the name of its first picture if that has room.

    Many chats begin with the same question about another picture.
    """
    title = _line(readable(question))
    name = _line(question.images[0].name) if question.images else ""
    if not title or not name:
        return _cut(title or name)
    whole = title.rstrip(".") + _BETWEEN + name
    return whole if len(whole) <= MAX_LENGTH and name not in title else _cut(title)


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _cut(title: str) -> str:
    if len(title) <= MAX_LENGTH:
        return title
    cut = title[: MAX_LENGTH - 1]
    beginning, _, rest = cut.rpartition(" ")
    # A language without spaces, or one endless word, is cut where it stands.
    return (beginning if len(rest) < MAX_LENGTH // 2 and beginning else cut) + "…"
