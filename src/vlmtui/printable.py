"""Foreign text made safe to print: no control characters, no reordering, nothing undisplayable.

Everything that was not written in this package passes through here before a widget or a terminal
sees it: model output, file names, chat titles, error texts, pasted text. Markup is not the concern
of this module: widgets show text as `Content`, which is never parsed as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

_KEPT = "\n\t"

_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates: they can make a file name or a whole line read as another.
Right-to-left text displays without them."""

_LINE_ENDS = (0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029)
"""What `str.splitlines` takes for the end of a line besides newline and return. Markdown parsers
count only newlines, so these must not reach one."""

_DROPPED = (0x061C, 0xFEFF, *range(0xFFF9, 0xFFFC))
"""Invisible, and of no use in prose: Arabic letter mark, byte order mark, annotation anchors."""


def listed(names: Sequence[str], most: int) -> str:
    """Names for a sentence: the first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _table() -> dict[int, int | str | None]:
    table: dict[int, int | str | None] = {}
    for code in range(0x20):
        if chr(code) not in _KEPT:
            table[code] = 0x2400 + code  # the control picture: ␛ for escape, ␇ for bell
    table[0x7F] = 0x2421
    for code in range(0x80, 0xA0):
        table[code] = 0xFFFD
    for code in _LINE_ENDS:
        table[code] = "\n"
    for code in _BIDI:
        table[code] = f"‹{code:04X}›"
    for code in _DROPPED:
        table[code] = None
    # lone surrogates stand for undecodable bytes of a file name; no terminal can be sent one
    for code in range(0xD800, 0xE000):
        table[code] = 0xFFFD
    return table


_TABLE = _table()
_ONE_LINE = {**_TABLE, ord("\n"): "␊", ord("\t"): " "}
for _code in _LINE_ENDS:
    _ONE_LINE[_code] = "␊"


def prose(text: str) -> str:
    """Text of several lines: newlines and tabs stay, other control characters become visible."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)


def line(text: str, limit: int = 0) -> str:
    """Text of one line, such as a name or a title, in at most so many characters; 0 for any number.

    The middle is left out, because both ends of a file name tell something.
    """
    text = text.translate(_ONE_LINE)
    if not limit or len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


class ProseStream:
    """`prose` for text that arrives in pieces, where a line end may be split between two."""

    def __init__(self) -> None:
        self._held = False

    def feed(self, piece: str) -> str:
        """The next piece, made safe."""
        if self._held:
            piece = "\r" + piece
        self._held = piece.endswith("\r")
        return prose(piece[:-1] if self._held else piece)
