"""Markdown as lines of styled text, for a widget that draws lines.

A model's answer is foreign text: HTML is shown as it is written, links and images show where they
point and can't be opened, and what the parser decodes (entities such as `&#x202e;`) is made
printable again. Styles are names of the theme's variables, so a line needs no theme to exist.

Knows no widget. A text that still grows is laid out by `markdown_flow`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from markdown_it.tree import SyntaxTreeNode
from textual.content import Content

from vlmtui import printable
from vlmtui.chat.markdown_parser import parser
from vlmtui.ui.markdown import code_rows
from vlmtui.ui.markdown.markdown_table import table_lines

BULLETS = "•◦▪"
DIM = "$text-dim"
_INLINE_STYLES = {"em": "italic", "strong": "bold", "s": "strike"}


def render(source: str, width: int, *, highlight: bool = True) -> list[Content]:
    """Lay out a markdown text.

    Args:
        source: The text, already printable.
        width: Cells of a line, at least 1.
        highlight: Colour the code in fences that name their language.

    Returns:
        One `Content` a line, none wider than `width`.
    """
    lines = Layout("whole" if highlight else "none").blocks(parse(source), max(width, 1))
    if not lines and source.strip():  # nothing but definitions of links
        return Content(source).wrap(max(width, 1))
    return lines


def parse(source: str) -> list[SyntaxTreeNode]:
    """The blocks of a text."""
    return SyntaxTreeNode(parser().parse(source)).children


class Layout:
    """Turns nodes into lines."""

    def __init__(self, colors: code_rows.Colors) -> None:
        self._colors = colors

    def blocks(
        self, nodes: Sequence[SyntaxTreeNode], width: int, *, depth: int = 0, tight: bool = False
    ) -> list[Content]:
        """Blocks one below the other, with a blank line between them unless `tight`."""
        lines: list[Content] = []
        for node in nodes:
            block = self._block(node, width, depth)
            if lines and block and not tight:
                lines.append(Content(""))
            lines.extend(block)
        return lines

    def _block(self, node: SyntaxTreeNode, width: int, depth: int) -> list[Content]:
        match node.type:
            case "paragraph":
                return self.text(node).wrap(width)
            case "heading":
                level = min(int(node.tag[1]), 3)
                style = f"$markdown-h{level}-color bold"
                return self.text(node).stylize_before(style).wrap(width)
            case "bullet_list" | "ordered_list":
                return self.items(node.children, width, depth=depth)
            case "blockquote":
                inner = self.blocks(node.children, max(width - 2, 1), depth=depth)
                return [_prefixed(Content.styled("▎ ", DIM), line, width) for line in inner]
            case "fence" | "code_block":
                return self._code(node, width)
            case "hr":
                return [Content.styled("─" * width, DIM)]
            case "table":
                rows = [row for part in node.children for row in part.children]
                return table_lines(
                    [[self.text(cell) for cell in row.children] for row in rows], width
                )
            case _:
                return (
                    Content(printable.prose(node.content)).wrap(width) if not node.is_root else []
                )

    def items(
        self, items: Sequence[SyntaxTreeNode], width: int, *, depth: int = 0
    ) -> list[Content]:
        """List items, one below the other without blank lines."""
        lines: list[Content] = []
        for item in items:
            bullet = BULLETS[depth % len(BULLETS)]
            marker = f"{item.info}{item.markup} " if item.info else f"{bullet} "
            inner = max(width - len(marker), 1)
            block = self.blocks(item.children, inner, depth=depth + 1, tight=True) or [Content("")]
            indent = Content(" " * len(marker))
            lines.append(_prefixed(Content.styled(marker, "$accent"), block[0], width))
            lines.extend(_prefixed(indent, line, width) for line in block[1:])
        return lines

    def _code(self, node: SyntaxTreeNode, width: int) -> list[Content]:
        code = printable.prose(node.content).rstrip("\n").expandtabs(4)
        language = node.info.split()[0] if node.info.strip() else ""
        lines = []
        info = printable.line(node.info.strip())  # some models put words behind the language
        for words in textwrap.wrap(info, max(width - 2, 1)):
            lines.append(code_rows.padded(Content.styled(f" {words}", DIM), width))
        return [*lines, *code_rows.rows(code, language, width, self._colors)]

    def text(self, node: SyntaxTreeNode) -> Content:
        """What a block says, in one piece."""
        pieces: list[Content] = []
        for inline in node.children:
            for child in inline.children if inline.type == "inline" else [inline]:
                pieces.append(self._inline(child))
        return Content("").join(pieces)

    def _inline(self, node: SyntaxTreeNode) -> Content:
        match node.type:
            case "softbreak":
                return Content(" ")
            case "hardbreak":
                return Content("\n")
            case "code_inline":
                return Content.styled(printable.line(node.content), "$warning")
            case "em" | "strong" | "s":
                return self.text(node).stylize(_INLINE_STYLES[node.type])
            case "link":
                text = self.text(node)
                target = printable.line(str(node.attrs.get("href", "")))
                text = text.stylize("underline")
                if target in (text.plain, f"mailto:{text.plain}"):
                    return text
                return text + Content.styled(f" ({target})", DIM)
            case "image":
                target = printable.line(str(node.attrs.get("src", "")))
                return Content.styled(f"[image: {printable.line(node.content)}] ({target})", DIM)
            case _:
                return Content(printable.line(node.content))


def _prefixed(prefix: Content, line: Content, width: int) -> Content:
    return (prefix + line).truncate(width)
