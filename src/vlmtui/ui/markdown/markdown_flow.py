"""A markdown text that still grows, laid out piece by piece.

What can't change any more is laid out once, so that the work for each addition does not grow with
the text: whole blocks and list items before the last one, the finished lines of a block of code,
and the wrapped lines of a long paragraph. Where markup reaches back over such a line (`**` that
closes pages later) the picture is a little wrong until the complete text is rendered as one piece.

Knows no widget.
"""

from __future__ import annotations

from markdown_it.tree import SyntaxTreeNode
from textual.content import Content

from vlmtui.ui.markdown import code_rows
from vlmtui.ui.markdown.markdown_layout import Layout, parse

_LONG = 3_000
"""Characters of a paragraph or of code that are laid out again at each addition."""

_KEPT = 500
"""Characters at the end of a long paragraph that stay open, since markup may still change them."""

_TOO_LONG = 20_000
"""Any other block that has come this far is taken for finished."""

_SLICE = 2_000
"""Characters of a large addition that are laid out in one go."""

_JOINER = "\N{WORD JOINER}"
"""Stands where a paragraph goes on, so that what follows can't be read as the start of a block."""


class Flow:
    """A growing text and its lines at one width."""

    def __init__(self, width: int) -> None:
        self.width = max(width, 1)
        self.lines: list[Content] = []
        self._layout = Layout("growing")
        self._final = Layout("grown")
        self._tail = ""
        self._settled = 0
        self._in_list = False
        self._fence = ""
        self._carry: Content | None = None

    def feed(self, text: str) -> int:
        """Add text.

        Returns:
            Index of the first line that may have changed.
        """
        first = self._settled
        for start in range(0, len(text), _SLICE):
            self._feed(text[start : start + _SLICE])
        return first

    def _feed(self, text: str) -> None:
        self._tail += text
        del self.lines[self._settled :]
        tree = parse(self._tail)
        if not tree:
            return
        continuing = self._goes_on(tree[0], ended=len(tree) > 1)
        if continuing and len(tree) > 1:
            tree = tree[1:]
            self._settle(tree[0])
            continuing = False
        done, last = tree[:-1], tree[-1]
        rest = last
        if done:
            self._add(self._final.blocks(done, self.width), continues=self._in_list)
            self._in_list = False
        items = last.children if last.type in ("bullet_list", "ordered_list") else []
        if len(items) > 1:
            self._add(self._final.items(items[:-1], self.width), continues=self._in_list)
            self._in_list = True
            rest = items[-1]
        if rest is not last or done:
            self._settle(rest)
        if items:
            self._add(self._layout.items(items[-1:], self.width), continues=self._in_list)
        elif not continuing:
            self._add(self._layout.blocks([last], self.width), continues=False)
        if len(self._tail) > _LONG:
            self._shorten(last)

    def _add(self, lines: list[Content], *, continues: bool) -> None:
        if self.lines and lines and not continues:
            self.lines.append(Content(""))
        self.lines.extend(lines)

    def _settle(self, rest: SyntaxTreeNode) -> None:
        """Everything rendered so far stays; the text from `rest` on is the tail."""
        self._settled = len(self.lines)
        start = rest.map[0] if rest.map else 0
        # split by newline only, as the parser counts
        self._tail = "\n".join(self._tail.split("\n")[start:])
        self._fence = ""
        self._carry = None

    # ------------------------------------------------------------------ blocks that are split

    def _goes_on(self, first: SyntaxTreeNode, *, ended: bool) -> bool:
        """Lay the first block out as the rest of one whose beginning is settled, if it is that."""
        if self._fence:
            code = self._code(self._code_of(first), "grown" if ended else "growing")
            self._add(code, continues=True)
            return True
        if self._carry is not None:
            self._add(self._wrapped(first), continues=True)
            return True
        return False

    def _shorten(self, last: SyntaxTreeNode) -> None:
        """Settle as much as can be of a long last block."""
        if last.type == "fence" and not self._in_list:
            self._shorten_code(last)
        elif last.type == "paragraph" and not self._in_list:
            self._shorten_paragraph()
        elif len(self._tail) > _TOO_LONG:
            self._settled = len(self.lines)
            self._tail = ""
            self._in_list = False

    def _shorten_code(self, last: SyntaxTreeNode) -> None:
        opener = self._fence or self._tail.split("\n", 1)[0] + "\n"
        code = self._tail[len(opener) :]
        cut = code.rfind("\n") + 1
        if not cut:
            rows = Content(code.expandtabs(4)).fold(max(self.width - 2, 2))
            cut = len(code) - len(rows[-1].plain)
            if cut <= 0:
                return
        if not self._fence:  # with its heading
            self._settled = len(self.lines) - len(self._code(self._code_of(last)))
            del self.lines[self._settled :]
        else:
            del self.lines[self._settled :]
        self._fence = opener
        self.lines.extend(self._code(code[:cut].removesuffix("\n"), "grown"))
        self._settled = len(self.lines)
        self.lines.extend(self._code(code[cut:]) if code[cut:] else [])
        self._tail = opener + code[cut:]

    def _code(self, code: str, colors: code_rows.Colors = "growing") -> list[Content]:
        info = self._fence.strip().lstrip("`~").split()
        return code_rows.rows(code.expandtabs(4), info[0] if info else "", self.width, colors)

    def _code_of(self, node: SyntaxTreeNode) -> str:
        return node.content.rstrip("\n") if node.type == "fence" else ""

    def _shorten_paragraph(self) -> None:
        cut = _cut(self._tail)
        head, rest = self._tail[:cut], self._tail[cut:]
        nodes = parse(head)
        if len(nodes) != 1 or not cut:
            return
        lines = self._wrapped(nodes[0])
        del self.lines[self._settled :]
        if self._carry is None and self.lines:
            self.lines.append(Content(""))
        self.lines.extend(lines[:-1])
        self._settled = len(self.lines)
        self._carry = lines[-1] if lines else Content("")
        self._tail = _JOINER + rest
        self.lines.extend(self._wrapped(parse(self._tail)[0]))

    def _wrapped(self, node: SyntaxTreeNode) -> list[Content]:
        """The lines of a paragraph, or of the rest of one."""
        text = self._layout.text(node)
        if self._carry is not None:
            text = self._carry + text[len(_JOINER) :]
        return text.wrap(self.width)


def _cut(source: str) -> int:
    """Where a long paragraph may be split: at a space that stands in no open markup."""
    end = len(source) - _KEPT
    cut = source.rfind(" ", 0, end)
    while cut > 0 and end - cut < _LONG // 2:
        head = source[:cut]
        if head.count("`") % 2 == head.count("*") % 2 == 0 and head.count("[") == head.count("]"):
            return cut
        cut = source.rfind(" ", 0, cut)
    whole = source.rfind(" ", 0, end)
    return whole if whole > 0 else end
