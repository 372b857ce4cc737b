"""Blocks of code as rows: without colours, coloured as one piece, or line by line as they grow.

A lexer can't be resumed, so while code streams in its newest piece is read again for each new line,
and pieces are short: a millisecond each. A string or a comment that reaches over their border may
have a wrong colour until the block is laid out as one piece.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from textual.content import Content

Colors = Literal["none", "whole", "growing", "grown"]

STYLE = "$foreground on $surface"
_HIGHLIGHTED = 16_000
"""Longer code, in characters, stays plain: highlighting it would be felt as a pause."""

_PIECE = 1_000
"""Characters that are read again for each new line."""

_loaded: set[str] = set()
_asked_for: set[str] = set()


def rows(code: str, language: str, width: int, colors: Colors) -> list[Content]:
    """Lay out code, without tabs; what is growing has its last line without colours."""
    if colors == "whole" and language and len(code) < _HIGHLIGHTED:
        return list(_colored(code, language, width))
    finished: list[Content] = []
    if colors.startswith("grow") and language and len(code) < _HIGHLIGHTED and _is_loaded(language):
        end = code.rfind("\n") + 1 if colors == "growing" else len(code) + 1
        for piece in _pieces(f"{code}\n", end):
            finished += _kept(piece, language, width)
        if end > len(code):
            return finished
        code = code[end:]  # half a line: a string that is still open is no error
    return [*finished, *(row for line in code.split("\n") for row in _plain(line, width))]


def _pieces(code: str, end: int) -> Iterator[str]:
    """Whole lines up to `end`: the same pieces again when there are more, but for the last."""
    start = 0
    while start < end:
        stop = end
        if end - start > _PIECE:
            stop = code.rfind("\n", start, start + _PIECE) + 1 or code.index("\n", start) + 1
        yield code[start : stop - 1]
        start = stop


def _is_loaded(language: str) -> bool:
    """Whether its lexer is there; a thread fetches it, since that may take 30 ms and more."""
    if language not in _asked_for:
        _asked_for.add(language)
        threading.Thread(target=_load, args=(language,), daemon=True).start()
    return language in _loaded


def _load(language: str) -> None:
    _colored("", language, 1)
    _loaded.add(language)


def _colored(code: str, language: str, width: int) -> tuple[Content, ...]:
    from textual.highlight import highlight

    from vlmtui.ui.markdown.code_colors import CodeColors

    lines = highlight(code, language=language, theme=CodeColors).split(allow_blank=True)
    lines += [Content("")] * (code.count("\n") + 1 - len(lines))  # it drops blank ones at the end
    return tuple(row for line in lines for row in _folded(line, width))


# while a long block streams in, its lines are laid out ten times a second
_kept = lru_cache(maxsize=64)(_colored)


@lru_cache(maxsize=4096)
def _plain(line: str, width: int) -> tuple[Content, ...]:
    return tuple(_folded(Content(line), width))


def _folded(line: Content, width: int) -> list[Content]:
    return [padded(Content(" ") + part, width) for part in line.fold(max(width - 2, 2))]


def padded(line: Content, width: int) -> Content:
    """A row of a block, as wide as the block."""
    row = line.truncate(width).extend_right(max(width - line.cell_length, 0))
    return row.stylize_before(STYLE)
