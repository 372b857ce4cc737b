"""The one parser of what models write: CommonMark with tables, and no HTML.

No word is lost: definitions of links and footnotes, which Markdown hides, are shown as they are
written, and cells beyond a table's width stand in its last column. Beyond a depth the text is flat:
markdown-it drops what is nested more deeply than it goes, and what walks the tree would run out of
stack in emphasis that is nested a thousand times.
"""

from __future__ import annotations

import re
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, list_block, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_DEEPEST_BLOCK = 16
"""Levels below which no list and no quote begins; a list has two, and the parser's last is 19."""

_DEEPEST_INLINE = 32

_CELL_ENDS = re.compile(r"(?<!\\)\|")
"""Between two cells of a table."""


@lru_cache(maxsize=2)
def parser(*, definitions: bool = False) -> MarkdownIt:
    """The parser; whoever adds rules to it makes a new one.

    With `definitions`, `[name]: target` is one, as for other programs, and no text.
    """
    return new_parser().enable("reference") if definitions else new_parser()


def new_parser() -> MarkdownIt:
    """A parser that others don't share."""
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    ends = ["paragraph", "reference", "blockquote"]
    made.block.ruler.at("list", _list, {"alt": ends})
    made.block.ruler.at("blockquote", _quote, {"alt": [*ends, "list"]})
    made.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    made.core.ruler.push("flatten", _flatten)
    return made.disable("reference")


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    before = len(state.tokens)
    found = table(state, start, end, silent)
    if silent or not found:
        return found
    cells = [token for token in state.tokens[before:] if token.type == "inline"]
    columns = sum(token.type == "th_open" for token in state.tokens[before:])
    for last in cells[2 * columns - 1 :: columns]:
        row = last.map[0] if last.map else start
        text = state.src[state.bMarks[row] + state.tShift[row] : state.eMarks[row]].strip()
        surplus = _CELL_ENDS.split(text.removeprefix("|").removesuffix("|"))[columns:]
        last.content = " | ".join([last.content, *map(str.strip, surplus)])
    return found


def _list(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    return state.level < _DEEPEST_BLOCK and list_block(state, start, end, silent)


def _quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    return state.level < _DEEPEST_BLOCK and blockquote(state, start, end, silent)


def _flatten(state: StateCore) -> None:
    """Write out the marks of emphasis and links that are nested too deeply."""
    for block in state.tokens:
        opened: list[Token] = []
        for token in block.children or ():
            if token.nesting == 1:
                opened.append(token)
                if len(opened) > _DEEPEST_INLINE:
                    _write_out(token, token.markup if token.type != "link_open" else "[")
            elif token.nesting == -1 and opened:
                too_deep = len(opened) > _DEEPEST_INLINE
                opening = opened.pop()
                if too_deep:
                    link = token.type == "link_close"
                    _write_out(token, f"]({opening.attrGet('href')})" if link else token.markup)


def _write_out(token: Token, mark: str) -> None:
    token.type, token.tag, token.nesting, token.content = "text", "", 0, mark
