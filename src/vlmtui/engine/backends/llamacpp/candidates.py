"""The tokens that may come next, with their logits, as llama.cpp's samplers take them."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections import defaultdict
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vlmtui.engine.backends.llamacpp.bindings import cpp

if TYPE_CHECKING:
    from vlmtui.engine.backends.llamacpp.grammar import Grammar
    from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary

_FIELDS = ctypes.sizeof(cpp.llama_token_data) // 4
"""Numbers of four bytes in a candidate: its token, its logit, its probability."""


_FEW = 4096
"""So many tokens a grammar looks at in a tenth of a millisecond."""


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

    def narrowed(self, context: Any, banned: Collection[int], grammar: Grammar) -> Any:
        """The tokens that a grammar may allow, by their first bytes.

        It takes a grammar as long to look at all 49,152 tokens of a small vocabulary as a small
        model takes to decode one; often it allows a few characters.
        """
        if self._size <= _FEW:
            return self.all(context, banned)
        starts = (cpp.llama_token_data * len(self._starts))(
            *((token, 0.0) for token in self._starts)
        )
        grammar.apply(cpp.llama_token_data_array(starts, len(starts), -1, False))
        chosen = self._others + [
            token
            for start in starts
            if start.logit == 0.0
            for token in self._by_start[self._starts[start.id]]
        ]
        if len(chosen) > self._size // 4:
            return self.all(context, banned)
        logits = self._logits(context)
        data = (cpp.llama_token_data * len(chosen))(
            *((token, -math.inf if token in banned else logits[token]) for token in chosen)
        )
        return cpp.llama_token_data_array(data, len(data), -1, False)

    def _logits(self, context: Any) -> memoryview[float]:
        found = cpp.llama_get_logits_ith(context, -1)
        row = ctypes.cast(found, ctypes.POINTER(ctypes.c_float * self._size)).contents
        return memoryview(row).cast("B").cast("f")

    @cached_property
    def _starts(self) -> dict[int, int]:
        """The tokens of one byte, with that byte."""
        pieces = ((token, self._vocabulary.spelled(token)) for token in range(self._size))
        found = {piece[0]: token for token, piece in pieces if len(piece) == 1}
        return {token: byte for byte, token in found.items()}

    @cached_property
    def _by_start(self) -> dict[int, list[int]]:
        """Tokens by the byte that they begin with."""
        found = defaultdict(list)
        for token in range(self._size):
            if piece := self._vocabulary.spelled(token):
                found[piece[0]].append(token)
        return found

    @cached_property
    def _others(self) -> list[int]:
        """Those that end a turn, or begin with a byte that is no token."""
        known = set(self._starts.values())
        ends = [token for token in range(self._size) if self._vocabulary.ends_turn(token)]
        odd = (tokens for byte, tokens in self._by_start.items() if byte not in known)
        return [*ends, *(token for tokens in odd for token in tokens)]
