"""Finding a name by some of its letters.

Every word of what was typed has to be found. A word stands better at the beginning of a word than
within it, better in one piece than as letters with others between them. The time grows with the
lengths only, whatever is typed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD_START, _PIECE, _LETTERS = 3.0, 2.0, 1.0


def match(query: str, text: str, *, scattered: bool = True) -> tuple[float, Sequence[int]] | None:
    """How well `text` answers `query`, or None if it doesn't.

    Args:
        query: What was typed.
        text: A name, or a sentence.
        scattered: Letters with others between them count, too; in sentences they mean nothing.

    Returns:
        A score, higher is better, and the indices in `text` of what was found.
    """
    total = 0.0
    places: list[int] = []
    lower = _lower(text)
    for word in _lower(query).split():
        found = _find(word, lower, scattered)
        if found is None:
            return None
        score, where = found
        total += score * len(word) / (len(word) + 0.01 * len(text))
        places.extend(where)
    return total, sorted(set(places))


def _lower(text: str) -> str:
    """Small letters, as many as there were: indices stay what they are."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _find(word: str, text: str, scattered: bool) -> tuple[float, Sequence[int]] | None:
    starts = re.search(rf"(?<![^\W_]){re.escape(word)}", text)
    at = starts.start() if starts else text.find(word)
    if at >= 0:
        return (_WORD_START if starts else _PIECE), range(at, at + len(word))
    if not scattered:
        return None
    places = []
    at = -1
    for letter in word:
        at = text.find(letter, at + 1)
        if at < 0:
            return None
        places.append(at)
    spread = places[-1] - places[0] + 1
    if spread > 4 * len(word):  # letters from all over a sentence mean nothing
        return None
    return _LETTERS * len(word) / spread, places
