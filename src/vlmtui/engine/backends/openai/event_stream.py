"""Server-sent events: from the bytes of a stream to the data of its events, within bounds.

https://html.spec.whatwg.org/multipage/server-sent-events.html; of its fields only `data` counts
here, since no server of chat completions needs the others to be understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST_BYTES = 4_000_000
"""Of one line, and of one event. A token takes some hundred bytes."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""May stand at the beginning of a stream."""


class BadStream(Exception):
    """What comes is no stream of events; says why, as the end of a sentence."""


def events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each event that is whole, in UTF-8; several lines are joined by line feeds.

    Raises:
        BadStream: A line or an event has no end.
    """
    data: list[bytes] = []
    size = 0
    for line in _lines(pieces):
        if not line:
            if data:
                yield b"\n".join(data)
            data, size = [], 0
            continue
        name, _, value = line.removeprefix(_BYTE_ORDER_MARK).partition(b":")
        if name in (b"data", b"error"):  # older llama-servers have `error: {…}`
            data.append(value.removeprefix(b" "))
            size += len(value)
            if size > MOST_BYTES:
                raise BadStream("sends an event without end")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends, which are CR, LF or both; a last one without an end isn't whole."""
    rest = b""
    after_return = False
    for piece in pieces:
        if not piece:
            continue
        if after_return:  # a CR LF may have been cut in two
            piece = piece.removeprefix(b"\n")
        after_return = piece.endswith(b"\r")
        whole = (rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = whole.split(b"\n")
        yield from lines
        if len(rest) > MOST_BYTES:
            raise BadStream("sends a line without end")
