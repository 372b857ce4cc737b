"""Things that stand in a composer's text as one token: `[image: cat.png 640x480]`.

A token is ordinary text, so that undo, copy and paste work on it as on any text; this module keeps
what each one means. Equal names with other contents get a part of the hash: a text and its pictures
are enough to find out again which token is which. Knows no widget.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vlmtui import printable, units
from vlmtui.compose.mentions import Token
from vlmtui.messages import ImagePart, Message, placed

_NAME = 40
"""Longest name in a token, in characters: it should fit on a line."""


class Tokens:
    """The tokens that a composer has seen."""

    def __init__(self) -> None:
        self._things: dict[str, ImagePart | str] = {}
        self._pattern: re.Pattern[str] | None = None

    def of_image(self, image: ImagePart) -> str:
        """The token of a picture, as it is written."""
        plain, hashed = _labels(image)
        known = self._things.get(plain, image)
        same = isinstance(known, ImagePart) and known.key == image.key
        return self._know(plain if same else hashed, image)

    def of_text(self, text: str) -> str:
        lines = text.count("\n") + 1
        size = units.size(len(text.encode(errors="replace")))
        label = f"[text: {size}, {units.count(lines)} line{'s' if lines > 1 else ''}]"
        number = 2
        while self._things.get(label, text) != text:
            label = f"{label.split(' #')[0].rstrip(']')} #{number}]"
            number += 1
        return self._know(label, text)

    def adopt(self, text: str, images: Iterable[ImagePart]) -> str:
        """Learn the pictures of a text that holds their tokens.

        Returns:
            The text, with the tokens of those that had none in front of it.
        """
        missing = ""
        for image in images:
            label = next((label for label in reversed(_labels(image)) if label in text), None)
            if label is None:
                missing += self.of_image(image) + " "
            else:
                self._know(label, image)
        return missing + text

    def of_message(self, message: Message) -> str:
        """A message as it was written in the composer."""
        pieces: list[str] = []
        done = 0
        for place, image in placed(message):
            pieces.append(message.text[done:place])
            pieces.append(self.of_image(image) + ("" if place else " "))
            done = place
        return "".join((*pieces, message.text[done:]))

    def find(self, text: str) -> list[Token]:
        """The tokens of a text, from left to right."""
        if self._pattern is None or "[" not in text:
            return []
        return [
            Token(match.start(), match.end(), self._things[match[0]])
            for match in self._pattern.finditer(text)
        ]

    def images(self, text: str) -> tuple[ImagePart, ...]:
        """The pictures of a text, each once, from left to right."""
        found = (token.thing for token in self.find(text))
        return tuple(dict.fromkeys(thing for thing in found if isinstance(thing, ImagePart)))

    def unfold(self, text: str) -> str:
        """A text with its long texts written out."""
        pieces: list[str] = []
        done = 0
        for token in self.find(text):
            if isinstance(token.thing, str):
                pieces += (text[done : token.start], token.thing)
                done = token.end
        return "".join((*pieces, text[done:]))

    def lead(self, text: str) -> int:
        """How many characters of a text are pictures and spaces before everything else."""
        end = 0
        for token in self.find(text):
            if text[end : token.start].strip() or not isinstance(token.thing, ImagePart):
                break
            end = token.end
        return end + len(text[end:]) - len(text[end:].lstrip(" ")) if end else 0

    def _know(self, label: str, thing: ImagePart | str) -> str:
        if label not in self._things:
            self._things[label] = thing
            longest_first = sorted(self._things, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return label


def _labels(image: ImagePart) -> tuple[str, str]:
    """The token of a picture, and the one for when that is taken by another."""
    detail = "" if image.detail is None else f", {image.detail}"
    text = f"image: {printable.line(image.name, _NAME)} {image.width}x{image.height}{detail}"
    return f"[{text}]", f"[{text} #{image.sha256[:6]}]"
