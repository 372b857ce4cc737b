"""Which vision tower belongs to a model, of those that lie beside it.

Told by what the headers say about widths, where they say it, and by the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

_WORD = re.compile(r"[-_.\s]+")
_SAYS_NOTHING = re.compile(
    r"mmproj|model|ggml|gguf|f16|fp16|bf16|f32|i?q\d.*|k|s|m|l|xs|0|1|instruct|vision|clip"
)
_PRECISIONS = ("f16", "bf16", "q8", "f32")
"""The preferred one first: what towers are usually published and tried in."""


class Candidate(msgspec.Struct, frozen=True):
    """A model or a tower."""

    path: Path
    width: int = 0
    """Numbers in a row of a picture; 0 where it isn't known."""


def choose(
    model: Candidate, towers: Sequence[Candidate], others: Sequence[Candidate] = ()
) -> list[Path]:
    """The towers that may be the model's: none, the one, or several when it can't be told.

    A tower that lies beside the model may also belong to one of the others there.
    """
    fitting = [tower for tower in towers if not _differ(model, tower)]
    own = [tower for tower in fitting if not _is_anothers(tower, model, others)]
    if len(own) > 1:
        nearest = max(_likeness(tower, model) for tower in own)
        own = [tower for tower in own if _likeness(tower, model) == nearest]
    return _preferred([tower.path for tower in own])


def _differ(model: Candidate, tower: Candidate) -> bool:
    return bool(model.width and tower.width and model.width != tower.width)


def _is_anothers(tower: Candidate, model: Candidate, others: Sequence[Candidate]) -> bool:
    """Its name speaks of another model far more than of this one."""
    rivals = [_likeness(tower, other) for other in others if not _differ(other, tower)]
    return 2 * _likeness(tower, model) < max(rivals, default=0)


def _likeness(tower: Candidate, model: Candidate) -> int:
    """How many words of the tower's name stand in the model's too."""
    return len(_words(tower.path) & _words(model.path))


def _words(path: Path) -> frozenset[str]:
    """The telling words of a name: `llava-v1.5-7b-mmproj-f16` has "llava", "v1", "5" and "7b"."""
    words = _WORD.split(path.stem.lower())
    return frozenset(word for word in words if word and not _SAYS_NOTHING.fullmatch(word))


def _preferred(paths: list[Path]) -> list[Path]:
    """One of several that differ only in precision."""
    if len(paths) < 2 or len({_words(path) for path in paths}) > 1:
        return paths
    for precision in _PRECISIONS:
        for path in paths:
            if precision in re.split(r"[-_.]", path.stem.lower()):
                return [path]
    return paths
