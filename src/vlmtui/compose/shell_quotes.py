"""What stands between the quotes that shells put around the names of files."""

from __future__ import annotations

import os
import re

_FISH = r"(?<=\\)'(?=[^\s'])"
SINGLE = rf"""'((?:[^'\n]|'(?:\\'|"'")'|{_FISH})*)'"""
DOUBLE = r'''"((?:[^"\\\n]|\\.)*)"'''
DOLLAR = r"""\$'((?:[^'\\\n]|\\.)*)'"""
"""Patterns of quoted words, the text within as their group. An apostrophe may end single quotes and
begin them again, or stand behind a backslash (fish); `$'…'` is how bash and zsh write what isn't
printable."""

_IN_DOUBLE = re.compile(r'\\(["\\$`])')
_IN_DOLLAR = re.compile(
    rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|(.))",
    re.DOTALL,
)
_NAMED = dict(zip(b"abefnrtvE", b"\a\b\x1b\f\n\r\t\v\x1b", strict=True))


def single(text: str) -> str:
    """The text between single quotes."""
    plain = re.sub(r"""'(?:\\'|"'")'""", "'", text)
    fish = re.sub(r"\\(['\\])", r"\1", text)
    if plain != text or fish == text:
        return plain
    # two backslashes may be two, or one as fish writes it: only the files tell
    meant = re.search(_FISH, text) or (os.path.exists(fish) and not os.path.exists(text))
    return fish if meant else text


def double(text: str) -> str:
    """The text between double quotes; of Windows, where a backslash is no escape, as it is."""
    return text if re.match(r"[A-Za-z]:\\", text) else _IN_DOUBLE.sub(r"\1", text)


def dollar(text: str) -> str:
    """The text of `$'…'`; bytes that are no UTF-8 become what Python has for them in file names."""
    return os.fsdecode(_IN_DOLLAR.sub(_meant, text.encode("utf-8", "surrogateescape")))


def _meant(match: re.Match[bytes]) -> bytes:
    octal, byte, short, long, sign = match.groups()
    if octal or byte:
        return bytes([(int(octal, 8) if octal else int(byte, 16)) & 255])
    if short or long:
        code = int(short or long, 16)
        return chr(code).encode("utf-8", "replace") if code < 0x110000 else match[0]
    return bytes([_NAMED[sign[0]]]) if sign[0] in _NAMED else sign
