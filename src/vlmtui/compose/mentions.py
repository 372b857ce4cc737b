r"""`@path` in what a user types: where it stands, which file it means, what the text is without it.

    What is in @photo.jpg?      @"my pictures/cat.png" what is it?      @my\ pictures/cat.png
    @newest      @shots/*.jpg      @photo.jpg[120,40,300,200]      @https://example.org/cat.jpg

An `@` starts a mention at the beginning of a word. It is taken for a path when such a file exists
or when it is written like one; `@property` in pasted code stays text, and `\@` is always a plain
`@`. Knows the file system only through a predicate, and nothing about pictures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

import msgspec

from vlmtui.compose import crops, shell_quotes
from vlmtui.messages import ImagePart, Message, user

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
        @(?:(?:"(?P<double>[^"\n]*)"?
            |'(?P<single>(?:[^'\n]|'(?:\\'|"'")')*)'?)
            (?P<part>(?<=["'])\[[^\[\]\n]{1,60}\])?
          |(?P<bare>(?:\\.|\[[\d\s.,%]{1,60}\]|[^\s\\])+))""",
    re.VERBOSE | re.MULTILINE,
)
_ESCAPED_AT = re.compile(r"(?:^|(?<=[\s(\[{]))\\@", re.MULTILINE)
_ENDS_SENTENCE = re.compile(r"(?:^|[.?!:;…\n])\s*\Z")
_NEWEST = re.compile(r"newest(:\d{1,3})?")
LONG = 2_000
"""Characters; a text that is shorter is read in no time when it is sent."""

_PUNCTUATION = ".,;:!?)]}\"'…"


class Mention(msgspec.Struct, frozen=True):
    """An `@path` in a text."""

    start: int
    """Index of the `@`."""

    end: int
    path: str
    """As it is meant: without quotes and backslashes, `~` not expanded."""

    quoted: bool


class Token(msgspec.Struct, frozen=True):
    """A part of a text that stands for something else, between two indices."""

    start: int
    end: int
    thing: ImagePart | str
    """A picture, or a text that is too long to be shown."""


class Draft(msgspec.Struct, frozen=True):
    """A text and the pictures that have been taken out of it."""

    text: str
    images: tuple[ImagePart, ...] = ()
    places: tuple[int, ...] = ()
    """How many characters of the text stand before each picture; ascending."""


def find(text: str) -> list[Mention]:
    """All mentions of a text, whether or not such files exist."""
    found = []
    for match in _MENTION.finditer(text):
        single = match["single"]
        quoted = match["double"] if single is None else shell_quotes.single(single)
        path = quoted + (match["part"] or "") if quoted is not None else unescape(match["bare"])
        if path:
            found.append(Mention(match.start(), match.end(), path, quoted is not None))
    return found


def unescape(text: str) -> str:
    """A path as typed without quotes: backslashes taken off."""
    return re.sub(r"\\(.)", r"\1", text)


def pictures(
    text: str, tokens: Sequence[Token] = (), exists: Callable[[str], bool] = os.path.exists
) -> list[Mention]:
    """The mentions of a text that mean pictures, without the punctuation after them.

    What tokens cover mentions nothing.
    """
    found = []
    for mention in find(text):
        path, end = _resolve(mention, exists)
        if path is not None and not any(t.start < end and mention.start < t.end for t in tokens):
            found.append(Mention(mention.start, end, path, mention.quoted))
    return found


def urls(text: str, tokens: Sequence[Token] = ()) -> list[Mention]:
    """The mentions of a text that are addresses on the web."""
    found = pictures(text, tokens, exists=lambda path: False)
    return [mention for mention in found if is_url(mention.path)]


def take_out(text: str, tokens: Sequence[Token]) -> Draft:
    """Separate a text from the pictures, and long texts, that stand in it as tokens.

    Of several pictures, one in the middle of a sentence stays there ("compare A with B"). A single
    one goes before the text, as templates expect, and leaves its name behind in a sentence. One
    that stands by itself, before or after the text, goes before it and leaves nothing.
    """
    tokens = sorted(tokens, key=lambda token: token.start)
    several = sum(isinstance(token.thing, ImagePart) for token in tokens) > 1
    kept = ""
    images: list[ImagePart] = []
    places: list[int] = []
    position = 0
    for index, token in enumerate(tokens):
        kept += _ESCAPED_AT.sub("@", text[position : token.start])
        position = token.end
        if isinstance(token.thing, str):
            kept += token.thing
            continue
        images.append(token.thing)
        if not kept.strip() or (
            _ENDS_SENTENCE.search(kept) and _nothing_follows(text, tokens[index:])
        ):
            kept = kept.rstrip(" ")
            rest = text[position:]
            position += len(rest) - len(rest.lstrip(" "))
            places.append(0)
        elif several:
            places.append(len(kept))
        else:
            kept += token.thing.name
            places.append(0)
    kept += _ESCAPED_AT.sub("@", text[position:])
    return _trimmed(kept, images, places)


def certain_part(text: str, tokens: Sequence[Token]) -> str:
    """A text up to its last picture or long text; empty where it has neither."""
    end = max((token.end for token in tokens), default=0)
    return text if len(text) - end >= LONG else text[:end]


def worth_reading(text: str, tokens: Sequence[Token]) -> Message | None:
    """A question up to its last picture or long text; None where it has neither."""
    part = certain_part(text, tokens)
    if not part:
        return None
    draft = take_out(part, tokens)
    return user(draft.text, draft.images, draft.places)


def _nothing_follows(text: str, tokens: Sequence[Token]) -> bool:
    """Whether after the first of the tokens there are only pictures."""
    if any(isinstance(token.thing, str) for token in tokens):
        return False
    ends = [token.end for token in tokens]
    starts = [*(token.start for token in tokens[1:]), len(text)]
    return not any(text[end:start].strip() for end, start in zip(ends, starts, strict=True))


def _trimmed(text: str, images: Sequence[ImagePart], places: Sequence[int]) -> Draft:
    """Without space around the text, and the pictures before the text first."""
    lead = len(text) - len(text.lstrip())
    end = max((place for place in places if text[:place].strip()), default=0)
    text = text[lead:end] + text[max(lead, end) :].rstrip()  # a space before a picture stays
    moved = [min(max(place - lead, 0), len(text)) for place in places]
    order = sorted(range(len(moved)), key=moved.__getitem__)
    return Draft(text, tuple(images[i] for i in order), tuple(moved[i] for i in order))


def _resolve(mention: Mention, exists: Callable[[str], bool]) -> tuple[str | None, int]:
    """The path that a mention means and where it ends, or None where it is no path."""
    path = mention.path
    if is_url(path):
        bare = path if mention.quoted else path.rstrip(_PUNCTUATION)
        end = path.rfind("]") + 1
        if len(bare) < end and crops.split(path[:end], exists)[1] is not None:
            bare = path[:end]  # a part of it
        return bare, mention.end - (len(path) - len(bare))
    if mention.quoted or exists(os.path.expanduser(path)):
        return path, mention.end
    if (end := path.rfind("]") + 1) and not path[end:].strip(_PUNCTUATION):
        picture, part = crops.split(path[:end], exists)
        if part is not None and (exists(os.path.expanduser(picture)) or _looks_like_path(picture)):
            return path[:end], mention.end - len(path[end:])
    bare = path.rstrip(_PUNCTUATION)
    shorter = mention.end - (len(path) - len(bare))
    if bare and bare != path and exists(os.path.expanduser(bare)):
        return bare, shorter
    if _looks_like_path(bare):
        return bare, shorter
    return None, mention.end


def is_url(path: str) -> bool:
    """Whether a path is an address on the web."""
    return re.match(r"https?://[^/\s]", path, re.IGNORECASE) is not None


def _looks_like_path(path: str) -> bool:
    if _NEWEST.fullmatch(path):
        return True
    if path.startswith(("/", "./", "../", "~")):
        return True
    if os.path.splitext(path)[1].lower() in PICTURE_SUFFIXES:
        return True
    return "/" in path and not re.search(r"[()\"'<>=]", path)
