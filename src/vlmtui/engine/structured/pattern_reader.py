"""Reads regular expressions into patterns.

The syntax is that of ECMAScript, which JSON Schema uses, without what no grammar can say
(look-around, references back, word boundaries). Classes hold what both ECMAScript and Python's `re`
take to be in them, so that what is made of a pattern matches for both.
"""

from __future__ import annotations

from vlmtui.engine.structured.patterns import (
    MOST_REPEATS,
    SURROGATES,
    Alternatives,
    BadPattern,
    Pattern,
    Ranges,
    Repeat,
    Sequence,
    Set,
    complement,
    lengths,
    ranges,
    without,
)

ANY = Repeat(Set(complement(())), 0, None)
_DIGIT = ((48, 57),)
_WORD = ranges((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ranges((9, 13), (32, 32))
_ASCII = ((32, 126),)
_SPACES = ranges(
    *((0, 32), (127, 0xA0), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x202F)),
    *((0x205F, 0x206F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)  # all that anybody takes for a space
_CLASSES = {
    "d": _DIGIT,
    "w": _WORD,
    "s": _SPACE,
    "D": without(_ASCII, _DIGIT),
    "W": without(_ASCII, _WORD),
    "S": complement(_SPACES),
}
_ESCAPED = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}


def read(source: str, *, whole: bool = False) -> Pattern:
    """Read a regular expression.

    It matches the whole text, or any part of it where neither `whole` nor an anchor says so.

    Raises:
        BadPattern: It isn't one, or can't be enforced.
    """
    if len(source) > 10_000:
        raise BadPattern("it is longer than 10,000 characters")
    reader = _Reader(source)
    try:
        options = reader.branches(whole)
    except RecursionError:
        raise BadPattern("it is nested too deeply") from None
    if reader.at < len(source):
        closes = source[reader.at] == ")"
        raise BadPattern("a ) has no ( before it" if closes else "something follows its end")
    return options


class _Reader:
    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0

    def branches(self, whole: bool) -> Pattern:
        """The outermost alternatives, each with its anchors or else with anything around it."""
        options: list[Pattern] = []
        while True:
            begins = self._take("^")
            parts: list[Pattern] = [] if begins or whole else [ANY]
            parts += self._sequence()
            if not self._take("$") and not whole:
                parts.append(ANY)
            options.append(Sequence(tuple(parts)))
            if not self._take("|"):
                return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _inner(self) -> Pattern:
        options: list[Pattern] = [Sequence(tuple(self._sequence()))]
        while self._take("|"):
            options.append(Sequence(tuple(self._sequence())))
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _sequence(self) -> list[Pattern]:
        parts: list[Pattern] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)$":
            parts.append(self._repeated(self._atom()))
        return parts

    def _atom(self) -> Pattern:
        character = self._next()
        match character:
            case "(":
                if self._take("?"):
                    self._group_kind()
                inner = self._inner()
                if not self._take(")"):
                    raise BadPattern("a ( is not closed, or an anchor is inside of it")
                return inner
            case "[":
                return self._class()
            case ".":
                return Set(complement(((10, 10), (13, 13), (0x2028, 0x2029))))
            case "\\":
                return Set(self._escape())
            case "^":
                raise BadPattern("an anchor in its middle can't be enforced")
            case "*" | "+" | "?" | "{":
                raise BadPattern(f"{character} repeats nothing")
        return Set(((ord(character), ord(character)),))

    def _group_kind(self) -> None:
        if self._take(":"):
            return
        self._take("P")
        if self._take("<") and self.source[self.at : self.at + 1] not in ("=", "!", ""):
            _, closed, _ = self.source[self.at :].partition(">")
            if closed:
                self.at = self.source.index(">", self.at) + 1
                return
        raise BadPattern("look-around and flags can't be enforced")

    def _repeated(self, part: Pattern) -> Pattern:
        least: int = 1
        most: int | None = 1
        match self.source[self.at : self.at + 1]:
            case "*":
                least, most, self.at = 0, None, self.at + 1
            case "+":
                least, most, self.at = 1, None, self.at + 1
            case "?":
                least, most, self.at = 0, 1, self.at + 1
            case "{":
                least, most = self._bounds()
            case _:
                return part
        self._take("?")  # as short as possible: the same texts match
        if self.source[self.at : self.at + 1] in ("*", "+", "{"):
            raise BadPattern("a repetition is itself repeated")
        low, _ = lengths(part)
        if low == 0:  # nothing, repeated, is nothing
            least = 0
            if most != 1:
                raise BadPattern("a part that may be empty can't be repeated")
        return Repeat(part, least, most)

    def _bounds(self) -> tuple[int, int | None]:
        inside, closed, _ = self.source[self.at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not low.isdecimal() or not (high.isdecimal() or not high):
            raise BadPattern("a { has no count after it")
        self.at += len(inside) + 2
        most = int(high) if high else None if comma else int(low)
        if int(low) > MOST_REPEATS or (most or 0) > MOST_REPEATS:
            raise BadPattern(f"it repeats more than {MOST_REPEATS} times")
        if most is not None and most < int(low):
            raise BadPattern("it repeats from more times to fewer")
        return int(low), most

    def _class(self) -> Set:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._member(negated)
            if (
                self.source[self.at : self.at + 1] == "-"
                and self.source[self.at + 1 : self.at + 2] not in ("]", "")
                and len(low) == 1
                and low[0][0] == low[0][1]
            ):
                self.at += 1
                high = self._member(negated)
                if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
                    raise BadPattern("a range of characters is the wrong way round")
                found.append((low[0][0], high[0][0]))
            else:
                found += low
        given = ranges(*found)
        given = complement(given) if negated else without(given, (SURROGATES,))
        if not given:
            raise BadPattern("a class of characters is empty")
        return Set(given)

    def _member(self, negated: bool) -> Ranges:
        character = self._next()
        if character == "\\":
            other = self.source[self.at : self.at + 1].swapcase()
            if negated and other in _CLASSES:  # all that anybody takes to be in it
                self.at += 1
                return complement(_CLASSES[other])
            return self._escape(in_class=True)
        return ((ord(character), ord(character)),)

    def _escape(self, *, in_class: bool = False) -> Ranges:
        character = self._next()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _ESCAPED:
            code = _ESCAPED[character]
        elif character in "xu":
            code = self._hexadecimal(2 if character == "x" else 4)
        elif character == "b" and in_class:
            code = 8
        elif character.isalnum():
            raise BadPattern(f"\\{character} can't be enforced")
        else:
            code = ord(character)
        return ((code, code),)

    def _hexadecimal(self, digits: int) -> int:
        text = self.source[self.at : self.at + digits]
        self.at += digits
        try:
            code = int(text, 16)
        except ValueError:
            code = -1
        if len(text) < digits or not code >= 0 or SURROGATES[0] <= code <= SURROGATES[1]:
            raise BadPattern("a character's number can't be read")
        return code

    def _next(self) -> str:
        if self.at >= len(self.source):
            raise BadPattern("it ends in the middle")
        self.at += 1
        return self.source[self.at - 1]

    def _take(self, character: str) -> bool:
        found = self.source[self.at : self.at + 1] == character
        self.at += found
        return found
