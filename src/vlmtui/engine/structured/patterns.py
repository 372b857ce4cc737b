"""Patterns of texts: a tree that can be matched, measured and written as a grammar."""

from __future__ import annotations

import msgspec

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
MOST_REPEATS = 2000
"""llama.cpp refuses to repeat more often."""

Ranges = tuple[tuple[int, int], ...]
"""Code points, as sorted ranges that don't touch; both ends belong to them."""


class BadPattern(ValueError):
    """A pattern that isn't one, or that can't be enforced; says why in a part of a sentence."""


class Set(msgspec.Struct, frozen=True):
    """One character of these."""

    ranges: Ranges


class Sequence(msgspec.Struct, frozen=True):
    """One after the other; empty: nothing."""

    parts: tuple[Pattern, ...]


class Alternatives(msgspec.Struct, frozen=True):
    """One of several."""

    options: tuple[Pattern, ...]


class Repeat(msgspec.Struct, frozen=True):
    """The same several times."""

    part: Pattern
    least: int
    most: int | None
    """None: without end."""


Pattern = Set | Sequence | Alternatives | Repeat


def ranges(*pairs: tuple[int, int]) -> Ranges:
    """Ranges as they are kept."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def complement(given: Ranges) -> Ranges:
    """All characters but these."""
    found, start = [], 0
    for low, high in ranges(*given, SURROGATES):
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    return tuple([*found, (start, LAST)] if start <= LAST else found)


def without(given: Ranges, taken: Ranges) -> Ranges:
    """Those of the one that are not in the other."""
    return complement(ranges(*complement(given), *taken))


def lengths(pattern: Pattern) -> tuple[int, int | None]:
    """Characters that a match has, at least and at most; None: without end."""
    match pattern:
        case Set():
            return 1, 1
        case Sequence(parts):
            found = [lengths(part) for part in parts]
            highs = [high for _, high in found]
            return sum(low for low, _ in found), _total(highs)
        case Alternatives(options):
            found = [lengths(option) for option in options]
            highs = [high for _, high in found]
            most = None if None in highs else max(high for high in highs if high is not None)
            return min(low for low, _ in found), most
        case Repeat(part, least, most):
            low, high = lengths(part)
            if high == 0:
                return 0, 0
            return low * least, None if high is None or most is None else high * most


def _total(highs: list[int | None]) -> int | None:
    return None if None in highs else sum(high for high in highs if high is not None)


def bounded(pattern: Pattern, least: int, most: int | None) -> Pattern:
    """A pattern whose matches have so many characters.

    Raises:
        BadPattern: This can't be said of it.
    """
    low, high = lengths(pattern)
    if low >= least and (most is None or (high is not None and high <= most)):
        return pattern
    if isinstance(pattern, Sequence) and len(pattern.parts) == 1:
        return bounded(pattern.parts[0], least, most)
    if isinstance(pattern, Sequence):  # one part that may be longer or shorter, the others fixed
        loose = [at for at, part in enumerate(pattern.parts) if _span(part) != 0]
        if len(loose) == 1:
            at = loose[0]
            fixed = sum(lengths(part)[0] for part in pattern.parts) - lengths(pattern.parts[at])[0]
            rest = None if most is None else most - fixed
            part = bounded(pattern.parts[at], max(least - fixed, 0), rest)
            return Sequence((*pattern.parts[:at], part, *pattern.parts[at + 1 :]))
    if isinstance(pattern, Repeat) and isinstance(pattern.part, Set):
        bounds = [bound for bound in (pattern.most, most) if bound is not None]
        within = max(pattern.least, least), min(bounds, default=None)
        if within[1] is None or within[0] <= within[1]:
            return Repeat(pattern.part, *within)
        raise BadPattern("no text has a length that both allow")
    raise BadPattern("a limit of length beside this pattern can't be enforced")


def _span(pattern: Pattern) -> int | None:
    low, high = lengths(pattern)
    return None if high is None else high - low


def matches(pattern: Pattern, text: str) -> bool:
    """Whether all of a text matches; takes no more than about its length squared."""
    return len(text) in _ends(pattern, text, frozenset((0,)))


def _ends(pattern: Pattern, text: str, starts: frozenset[int]) -> frozenset[int]:
    match pattern:
        case Set(given):
            return frozenset(
                at + 1
                for at in starts
                if at < len(text) and any(low <= ord(text[at]) <= high for low, high in given)
            )
        case Sequence(parts):
            for part in parts:
                starts = _ends(part, text, starts)
            return starts
        case Alternatives(options):
            return frozenset().union(*(_ends(option, text, starts) for option in options))
        case Repeat(part, least, most):
            for _ in range(least):
                starts = _ends(part, text, starts)
            reached, new, count = starts, starts, least
            while new and (most is None or count < most):
                new = _ends(part, text, new) - reached
                reached, count = reached | new, count + 1
            return reached
