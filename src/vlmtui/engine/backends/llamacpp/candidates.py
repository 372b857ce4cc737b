"""The tokens that may come next, with their logits, as llama.cpp's samplers take them."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from vlmtui.engine.backends.llamacpp.bindings import cpp

if TYPE_CHECKING:
    from vlmtui.engine.backends.llamacpp.grammar import Grammar
    from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary

_T = TypeVar("_T")

_FIELDS = ctypes.sizeof(cpp.llama_token_data) // 4
"""Numbers of four bytes in a candidate: its token, its logit, its probability."""


_FEW = 2048
"""So many tokens a grammar looks at in a third of a millisecond."""

_SMALL = 256
"""A group of so many tokens is looked at whole."""

_BUFFER = 64
"""Bytes that nearly all tokens have room in."""


class _Group(NamedTuple):
    """Tokens that begin with one byte."""

    first: int
    """The token of just that byte: where it doesn't fit, none of the others does."""

    tokens: array[int]
    """All of them, or where they are many those that are in none of the parts."""

    parts: Sequence[array[int]]
    """Those that begin with the same two bytes; the first is the token of just these."""


class Candidates:
    """Makes arrays of candidates for one model.

    Special tokens, which add no text to an answer, are none, unless they end it.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._size = vocabulary.size
        self._all = (cpp.llama_token_data * self._size)()
        memoryview(self._all).cast("B").cast("i")[::_FIELDS] = array("i", range(self._size))
        self._data = (cpp.llama_token_data * self._size)()
        self._unused = [
            token for token in vocabulary.special_tokens.values() if not vocabulary.ends_turn(token)
        ]

    def all(self, context: Any, banned: Collection[int]) -> Any:
        """All tokens; those that are banned have a logit of -inf."""
        return self._filled(self._logits(context), banned)

    def alike(self) -> Any:
        """All tokens, none likelier than another: their logits are 0."""
        return self._filled(array("f", bytes(4 * self._size)), ())

    def _filled(self, logits: Any, banned: Collection[int]) -> Any:
        ctypes.memmove(self._data, self._all, ctypes.sizeof(self._data))
        numbers = memoryview(self._data).cast("B").cast("f")
        numbers[1::_FIELDS] = logits
        for tokens in (self._unused, banned):
            for token in tokens:
                numbers[token * _FIELDS + 1] = -math.inf
        return cpp.llama_token_data_array(self._data, self._size, -1, False)

    def fewer(self, context: Any, banned: Collection[int], grammar: Grammar) -> Any:
        """All tokens that a grammar may allow, by their first bytes; None where they are many.

        It takes a grammar as long to look at all 49,152 tokens of a small vocabulary as a small
        model takes to decode one; often it allows a few characters.
        """
        groups, others = self._groups
        chosen = array("i", others)
        parts: list[array[int]] = []
        for group in _fitting(grammar, groups, [group.first for group in groups]):
            chosen += group.tokens
            parts += group.parts
            if len(chosen) + len(parts) > _FEW:
                return None
        for part in _fitting(grammar, parts, [part[0] for part in parts]):
            chosen += part
            if len(chosen) > _FEW:
                return None
        logits = self._logits(context)
        data = (cpp.llama_token_data * len(chosen))()
        memoryview(data).cast("B").cast("i")[::_FIELDS] = chosen
        memoryview(data).cast("B").cast("f")[1::_FIELDS] = array(
            "f", [-math.inf if token in banned else logits[token] for token in chosen]
        )
        return cpp.llama_token_data_array(data, len(data), -1, False)

    def _logits(self, context: Any) -> memoryview[float]:
        found = cpp.llama_get_logits_ith(context, -1)
        row = ctypes.cast(found, ctypes.POINTER(ctypes.c_float * self._size)).contents
        return memoryview(row).cast("B").cast("f")

    @cached_property
    def _groups(self) -> tuple[Sequence[_Group], array[int]]:
        """All tokens that say something, and those that are to be looked at in any case.

        These are tokens that end a turn, and those that begin with a byte that is no token.
        """
        found, exact = self._by_two_bytes()
        firsts: dict[bytes, list[bytes]] = defaultdict(list)
        for key in found:
            firsts[key[:1]].append(key)
        groups = []
        others = array("i", filter(self._vocabulary.ends_turn, range(self._size)))
        for first, keys in firsts.items():
            whole = sum(len(found[key]) for key in keys) <= _SMALL
            apart = [key for key in keys if not whole and len(key) == 2 and key in exact]
            rest = array("i", (token for key in keys if key not in apart for token in found[key]))
            for key in apart:
                found[key].remove(exact[key])
                found[key].insert(0, exact[key])
            parts = [found[key] for key in apart]
            if first in exact:
                groups.append(_Group(exact[first], rest, parts))
            else:
                others += rest
                for part in parts:
                    others += part
        return groups, others

    def _by_two_bytes(self) -> tuple[dict[bytes, array[int]], dict[bytes, int]]:
        """Tokens by the two bytes, or the one, that they begin with; and those that are no more."""
        buffer = ctypes.create_string_buffer(_BUFFER)
        seen = memoryview(buffer)
        piece, handle = cpp.llama_token_to_piece, self._vocabulary.handle
        found: dict[bytes, array[int]] = defaultdict(lambda: array("i"))
        exact: dict[bytes, int] = {}
        for token in range(self._size):
            count = piece(handle, token, buffer, _BUFFER, 0, False)
            if count == 0:
                continue
            text = bytes(seen[: min(count, 2)]) if count > 0 else self._vocabulary.spelled(token)
            found[text[:2]].append(token)
            if 0 < count <= 2:
                exact[text] = token
        return found, exact


def _fitting(grammar: Grammar, things: Sequence[_T], tokens: Sequence[int]) -> Iterator[_T]:
    """The things whose tokens a grammar allows, or the beginning of more."""
    if not tokens:
        return iter(())
    data = (cpp.llama_token_data * len(tokens))()
    memoryview(data).cast("B").cast("i")[::_FIELDS] = array("i", tokens)
    grammar.apply(cpp.llama_token_data_array(data, len(data), -1, False))
    logits = memoryview(data).cast("B").cast("f")[1::_FIELDS].tolist()
    return (thing for thing, logit in zip(things, logits, strict=True) if logit == 0.0)
