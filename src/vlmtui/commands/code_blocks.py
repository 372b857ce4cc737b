"""The code in a markdown text, for copying: as it was written, without the fence."""

from __future__ import annotations

import msgspec


class CodeBlock(msgspec.Struct, frozen=True):
    """A fenced or indented block."""

    language: str
    """What the fence names; may be empty."""

    text: str

    @property
    def lines(self) -> int:
        return self.text.rstrip("\n").count("\n") + 1


def has_code(source: str) -> bool:
    """Whether there may be code, found out without reading the text as markdown."""
    return "```" in source or "~~~" in source or "\n    " in f"\n{source}"


def code_blocks(source: str) -> list[CodeBlock]:
    """The blocks of code in their order; one whose fence was never closed runs to the end."""
    if not has_code(source):
        return []
    from vlmtui.chat.markdown_parser import parser  # not needed for the first paint

    tokens = parser().parse(source)
    return [
        CodeBlock((token.info.split() or [""])[0], token.content)
        for token in tokens
        if token.type in ("fence", "code_block") and token.content.strip()
    ]
