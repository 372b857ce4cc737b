"""Words that were searched for, marked where they stand in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.content import Content

STYLE = "bold $background on $warning"


def pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    """What finds the beginnings of words, whatever their case; None for no words."""
    wanted = sorted({word for word in words if word}, key=len, reverse=True)
    if not wanted:
        return None
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, wanted))})\w*", re.IGNORECASE)


def marked(content: Content, found: re.Pattern[str] | None, style: str = STYLE) -> Content:
    """The text with its hits marked."""
    if found is None:
        return content
    for match in found.finditer(content.plain):
        content = content.stylize(style, match.start(), match.end())
    return content
