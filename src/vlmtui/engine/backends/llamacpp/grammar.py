"""A grammar that an answer is held to.

llama.cpp throws, which ends the process, where a grammar is told of a token that doesn't fit. So a
token is looked at first, and drawing from all candidates is done here, by steps that are in C.
"""

from __future__ import annotations

import ctypes
import math
import signal
from collections.abc import Callable
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary

_ROOT = "vlmtui-answer"
_LEAD = r"[ \n]{0,2}"
"""Before an answer: most tokenizers put a space before the first word, and many models a line break
behind a thought; it is left out later."""

_LONGEST_S = 20.0
"""Of computing for one token, then the process ends: a grammar that came through its trial can
still multiply later on, and nothing reaches into llama.cpp. See `death`."""


class Unreadable(ValueError):
    """llama.cpp can't read a grammar; its log says why."""


class Grammar:
    """The state of an answer in its grammar; close it when the answer ends."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        """Read GBNF, with the rule `root` for the whole.

        Raises:
            Unreadable: It is none.
        """
        self._vocabulary = vocabulary
        self._tail = b""
        """The beginning of a character whose end hasn't come."""

        self._sampler = _limited(
            cpp.llama_sampler_init_grammar,
            *(vocabulary.handle, f"{_ROOT} ::= {_LEAD} root\n{text}\n".encode(), _ROOT.encode()),
        )
        if not self._sampler:
            raise Unreadable

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with a token, or end with it."""
        if not self.joins(token):
            return False
        candidate = (cpp.llama_token_data * 1)(cpp.llama_token_data(token, 0.0, 0.0))
        self.apply(cpp.llama_token_data_array(candidate, 1, -1, False))
        return bool(candidate[0].logit > -math.inf)

    def apply(self, candidates: Any) -> None:
        """Give all candidates that don't fit a logit of -inf."""
        _limited(cpp.llama_sampler_apply, self._sampler, ctypes.byref(candidates))
        candidates.sorted = False  # the likeliest one may not be the first any more

    def accept(self, token: int) -> None:
        """A token that it allows was taken."""
        _limited(cpp.llama_sampler_accept, self._sampler, token)
        if not self._vocabulary.ends_turn(token):
            self._tail = _unfinished(self._tail + self._vocabulary.piece(token)) or b""

    @property
    def complete(self) -> bool:
        """The answer may end here."""
        return self._vocabulary.end < 0 or self.allows(self._vocabulary.end)

    def close(self) -> None:
        cpp.llama_sampler_free(self._sampler)

    def joins(self, token: int) -> bool:
        """Whether a token adds text that is still UTF-8: the grammar lets halves of others pass."""
        if self._vocabulary.ends_turn(token):
            return True
        piece = self._vocabulary.piece(token)
        return bool(piece) and _unfinished(self._tail + piece) is not None


def _limited(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of llama.cpp in a process that ends if it takes too long."""
    signal.setitimer(signal.ITIMER_PROF, _LONGEST_S)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _unfinished(data: bytes) -> bytes | None:
    """The half character at the end of bytes; None where they are no UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return data[error.start :] if error.reason == "unexpected end of data" else None
    return b""
