"""A streamed answer that is resumed after its connection broke, by servers that keep its bytes.

llama-server keeps them for whoever sends `X-Conversation-Id` with the question (its tools/server/
README-dev.md, "Resumable streaming"). Then it goes on when the connection breaks, and stops when it
is told to. Servers that don't know the header ignore all of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from vlmtui.net import Answer, CancelScope, Failed

HEADER = "X-Conversation-Id"

_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Before each time that it is tried."""


def path(conversation: str, offset: int | None = None) -> str:
    """Where a stream can be had again, from the server's root, or be ended."""
    begin = "" if offset is None else f"&from={offset}"
    return f"/v1/stream?conv_id={conversation}{begin}"


def pieces(
    answer: Answer, again: Callable[[int], AbstractContextManager[Answer]], scope: CancelScope
) -> Iterator[bytes]:
    """The content of an answer, though the connection breaks; `again` asks for it from a byte on.

    Raises:
        Failed: It broke, and the server doesn't have the rest.
        Stopped: So it was wanted.
    """
    taken = 0
    try:
        for piece in answer.pieces():
            taken += len(piece)
            yield piece
        return
    except Failed as failed:
        broken = failed
    for pause in _PAUSES_S:
        scope.wait(pause)
        try:
            with again(taken) as rest:
                if rest.status != 200:
                    break
                for piece in rest.pieces():
                    taken += len(piece)
                    yield piece
                return
        except Failed:
            continue
    raise broken
