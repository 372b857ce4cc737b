"""Paths in what was pasted: terminals paste the path of a file that is dropped on them.

Each does it in its own way: bare, in quotes, with backslashes, as a `file://` address, several with
spaces or on lines of their own. A text that is anything else than paths of pictures is just text.
Doesn't look whether the files exist.
"""

from __future__ import annotations

import os
import re
import urllib.parse

from vlmtui.compose import shell_quotes
from vlmtui.compose.mentions import is_url, unescape
from vlmtui.compose.references import is_named_like_a_picture, local

_LONGEST = 20_000
"""Characters; a longer text is no list of dropped files."""

_WORD = re.compile(
    rf"{shell_quotes.DOUBLE}(?!\S)|{shell_quotes.SINGLE}(?!\S)|{shell_quotes.DOLLAR}(?!\S)"
    r"|((?:\\.|[^\s\\])+)"
)
_BEGINS = re.compile(r"(?:/|~|\.\.?/|file://|[A-Za-z]:[\\/])", re.IGNORECASE)
WINDOWS = re.compile(r"[A-Za-z]:[\\/]")


def paths(text: str) -> list[str]:
    """The paths that a pasted text consists of; nothing if there is anything else in it."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return []
    if re.fullmatch(r"\S+", text) and is_url(text):
        return [text] if is_named_like_a_picture(urllib.parse.urlsplit(text).path) else []
    found: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = _WORD.findall(line)
        pieces = [_path(*word) for word in words]
        if not all(map(_is_picture_path, pieces)):
            pieces = [local(line.strip("\"'"))]  # a name with spaces that nothing protects
            if not _is_picture_path(pieces[0]) or not _BEGINS.match(line.strip("\"'")):
                return []
        found += pieces
    return found


def _path(double: str, single: str, dollar: str, bare: str) -> str:
    if double or single or dollar:
        quoted = shell_quotes.double(double) or shell_quotes.single(single)
        return local(quoted or shell_quotes.dollar(dollar))
    return bare if WINDOWS.match(bare) else local(unescape(bare))


def _is_picture_path(path: str) -> bool:
    if not is_named_like_a_picture(path):
        return False
    return _BEGINS.match(path) is not None or os.path.exists(path)
