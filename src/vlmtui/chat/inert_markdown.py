"""Markdown that somebody wrote, in which nothing is fetched or run where it is shown.

Pictures become links and tags become text, by a backslash before them; code stays as it is. Where
code begins and ends is for the parser to say, not for patterns: it goes by paragraphs and lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vlmtui.chat.markdown_parser import parser

_LIVE = re.compile(r"(?<!\\)((?:\\\\)*)(!\[|<(?=[A-Za-z/!?]))")
"""A picture or a tag, with the backslashes before it: an even number of them escapes nothing."""

_SCHEME = re.compile(r"(\](?:\(|:)\s*<?\s*)(javascript|vbscript|data|file)(\s*:|&)", re.IGNORECASE)
"""The target of a link that runs something or leads into one's own files."""

_KINDS = {
    "fence": "code",
    "code_block": "code",
    "inline": "inline",
    "table_open": "between",  # its cells share lines, and no code reaches from one into the next
}

_TICKS = re.compile(r"(?<!`)`+(?!`)")


def inert(text: str) -> str:
    """The text with everything live in it escaped."""
    lines = text.split("\n")
    made: list[str] = []
    for start, end, kind in _regions(text, len(lines)):
        piece = "\n".join(lines[start:end])
        made.append(piece if kind == "code" else _without_live(piece, code=kind == "inline"))
    return "\n".join(made)


def _regions(text: str, count: int) -> Iterator[tuple[int, int, str]]:
    """The lines from top to bottom: blocks of code, paragraphs, and what is neither."""
    place = 0
    for token in parser(definitions=True).parse(text):
        if token.map is None or token.map[0] < place:
            continue
        start, end = token.map[0], min(token.map[1], count)
        kind = _KINDS.get(token.type)
        if kind is None or start >= end:
            continue
        if start > place:
            yield place, start, "between"
        yield start, end, kind
        place = end
    if place < count:
        yield place, count, "between"


def _without_live(text: str, *, code: bool) -> str:
    made = []
    place = 0
    for start, end in _code_spans(text) if code else ():
        made += [_escaped(text[place:start]), text[start:end]]
        place = end
    return "".join([*made, _escaped(text[place:])])


def _escaped(text: str) -> str:
    return _SCHEME.sub(r"\1\2%3A", _LIVE.sub(r"\1\\\2", text))


def _code_spans(text: str) -> Iterator[tuple[int, int]]:
    """Code within a paragraph: from some backticks to the next that are as many."""
    ticks = [(each.start(), each.end()) for each in _TICKS.finditer(text)]
    place = 0
    for number, (start, end) in enumerate(ticks):
        backslashes = len(text[:start]) - len(text[:start].rstrip("\\"))
        if start < place or backslashes % 2:
            continue
        for begin, after in ticks[number + 1 :]:
            if after - begin == end - start:
                yield start, after
                place = after
                break
