r"""`@path` in what a user types: where it stands, which file it means, what the text is without it.

    What is in @photo.jpg?      @"my pictures/cat.png" what is it?      @my\ pictures/cat.png

An `@` starts a mention at the beginning of a word. It is taken for a path when such a file exists
or when it is written like one; `@property` in pasted code stays text, and `\@` is always a plain
`@`. Knows the file system only through a predicate, and nothing about pictures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import msgspec

PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
        *(".heic", ".heif", ".avif"),
    )
)
"""Endings by which a file is offered and an `@word` is taken for a path. What a file really is only
its bytes tell."""

_MENTION = re.compile(
    r"""(?:^|(?<=[\s(\[{]))        # at the beginning of a word
        @(?:"(?P<double>[^"\n]*)"?
          |'(?P<single>[^'\n]*)'?
          |(?P<bare>(?:\\.|[^\s\\])+))""",
    re.VERBOSE | re.MULTILINE,
)
_ESCAPED_AT = re.compile(r"(?:^|(?<=[\s(\[{]))\\@", re.MULTILINE)
_ENDS_SENTENCE = re.compile(r"(?:^|[.?!:;…\n])\s*\Z")
_PUNCTUATION = ".,;:!?)]}\"'…"


class Mention(msgspec.Struct, frozen=True):
    """An `@path` in a text."""

    start: int
    """Index of the `@`."""

    end: int
    path: str
    """As it is meant: without quotes and backslashes, `~` not expanded."""

    quoted: bool


class Draft(msgspec.Struct, frozen=True):
    """A text whose mentions have been taken out."""

    text: str
    paths: tuple[str, ...]
    """In the order in which they stood, `~` expanded."""


def find(text: str) -> list[Mention]:
    """All mentions of a text, whether or not such files exist."""
    found = []
    for match in _MENTION.finditer(text):
        quoted = match["double"] if match["double"] is not None else match["single"]
        path = quoted if quoted is not None else unescape(match["bare"])
        if path:
            found.append(Mention(match.start(), match.end(), path, quoted is not None))
    return found


def unescape(text: str) -> str:
    """A path as typed without quotes: backslashes taken off."""
    return re.sub(r"\\(.)", r"\1", text)


def take_out(text: str, exists: Callable[[str], bool] = os.path.exists) -> Draft:
    """Separate the pictures that a text mentions from the text.

    A mention in the middle of a sentence leaves the file's name behind, so that the sentence still
    reads; one that stands by itself leaves nothing.

    Args:
        text: What the user typed.
        exists: Tells whether there is something at a path.
    """
    kept: list[str] = []
    paths: list[str] = []
    position = 0
    for mention in find(text):
        path, end = _resolve(mention, exists)
        if path is None:
            continue
        paths.append(os.path.expanduser(path))
        kept.append(text[position : mention.start])
        rest = text[end:]
        before = "".join(kept)
        alone = not before.strip() or (_ENDS_SENTENCE.search(before) and not rest.strip())
        if alone:
            kept[-1] = kept[-1].rstrip(" ")
            end += len(rest) - len(rest.lstrip(" "))
        else:
            kept.append(os.path.basename(path.rstrip("/")))
        position = end
    kept.append(text[position:])
    return Draft(_ESCAPED_AT.sub("@", "".join(kept)).strip(), tuple(paths))


def _resolve(mention: Mention, exists: Callable[[str], bool]) -> tuple[str | None, int]:
    """The path that a mention means and where it ends, or None where it is no path."""
    path = mention.path
    if mention.quoted or exists(os.path.expanduser(path)):
        return path, mention.end
    bare = path.rstrip(_PUNCTUATION)
    shorter = mention.end - (len(path) - len(bare))
    if bare and bare != path and exists(os.path.expanduser(bare)):
        return bare, shorter
    if _looks_like_path(bare):
        return bare, shorter
    return None, mention.end


def _looks_like_path(path: str) -> bool:
    if path.startswith(("/", "./", "../", "~")):
        return True
    if os.path.splitext(path)[1].lower() in PICTURE_SUFFIXES:
        return True
    return "/" in path and not re.search(r"[()\"'<>=]", path)
