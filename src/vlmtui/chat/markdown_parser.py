"""The one parser of what models write: CommonMark with tables, and no HTML.

Beyond a depth the text is flat: markdown-it drops what is nested more deeply than it goes, and what
walks the tree would run out of stack in emphasis that is nested a thousand times.
"""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, list_block
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_DEEPEST_BLOCK = 16
"""Levels below which no list and no quote begins; a list has two, and the parser's last is 19."""

_DEEPEST_INLINE = 32


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """The parser; whoever adds rules to it makes a new one."""
    return new_parser()


def new_parser() -> MarkdownIt:
    """A parser that others don't share."""
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    ends = ["paragraph", "reference", "blockquote"]
    made.block.ruler.at("list", _list, {"alt": ends})
    made.block.ruler.at("blockquote", _quote, {"alt": [*ends, "list"]})
    made.core.ruler.push("flatten", _flatten)
    return made


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
