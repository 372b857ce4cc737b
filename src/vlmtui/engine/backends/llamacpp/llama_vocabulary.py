"""A model's vocabulary: text to tokens and back, and which texts are special.

Thin over `llama_tokenize` and its kin. It knows no chat.
"""

from __future__ import annotations

import ctypes
import re
from functools import cached_property, lru_cache, partial
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import cpp
from vlmtui.engine.backends.llamacpp.candidates import Candidates

_SPECIAL = cpp.LLAMA_TOKEN_ATTR_CONTROL | cpp.LLAMA_TOKEN_ATTR_UNKNOWN
"""Attributes of tokens that `llama_tokenize` makes of their text only when it parses specials."""


class Vocabulary:
    """The vocabulary of a loaded model; valid as long as the model is."""

    def __init__(self, model: Any) -> None:
        self.handle = cpp.llama_model_get_vocab(model)
        self.size = cpp.llama_vocab_n_tokens(self.handle)
        self.adds_bos = bool(cpp.llama_vocab_get_add_bos(self.handle))
        self.bos: int = cpp.llama_vocab_bos(self.handle)
        self.eos: int = cpp.llama_vocab_eos(self.handle)
        self.end: int = self.eos if self.eos >= 0 else cpp.llama_vocab_eot(self.handle)
        """A token that ends a turn; -1 for none."""

        self._piece_buffer = ctypes.create_string_buffer(256)
        self.piece = lru_cache(maxsize=65536)(self.spelled)
        self.written = lru_cache(maxsize=65536)(partial(self._raw, special=True))
        self.ends_turn = lru_cache(maxsize=65536)(self._ends_turn)

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Tokens of a text, without begin and end tokens; a lone surrogate becomes a question mark.

        `parse_special` says whether texts of special tokens become those tokens.
        """
        data = text.encode("utf-8", errors="replace")
        size = len(data) + 16
        while True:
            tokens = (cpp.llama_token * size)()
            count = cpp.llama_tokenize(
                self.handle, data, len(data), tokens, size, False, parse_special
            )
            if count >= 0:
                return list(tokens[:count])
            size = -count

    def text_of(self, token: int) -> str:
        """How a token is written in a prompt, a special one too; empty for none (-1)."""
        return (
            self._raw(token, special=True).decode("utf-8", errors="replace") if token >= 0 else ""
        )

    @cached_property
    def special_tokens(self) -> dict[str, int]:
        """Texts that `tokenize` understands as special tokens, with their ids."""
        tokens: dict[str, int] = {}
        for token in range(self.size):
            if cpp.llama_vocab_get_attr(self.handle, token) & _SPECIAL:
                text = (cpp.llama_vocab_get_text(self.handle, token) or b"").decode(
                    "utf-8", errors="replace"
                )
                if text:
                    tokens[text] = token
        return tokens

    @cached_property
    def special_pattern(self) -> re.Pattern[str]:
        """Matches any special token's text, the longest first, as one group."""
        texts = sorted(self.special_tokens, key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, texts)) + ")" if texts else "(?!)")

    @cached_property
    def candidates(self) -> Candidates:
        return Candidates(self)

    def spelled(self, token: int) -> bytes:
        """The bytes that a generated token adds to the answer; none for a special one."""
        return self._raw(token, special=False)

    def _ends_turn(self, token: int) -> bool:
        return bool(cpp.llama_vocab_is_eog(self.handle, token))

    def _raw(self, token: int, *, special: bool) -> bytes:
        buffer = self._piece_buffer
        count = cpp.llama_token_to_piece(self.handle, token, buffer, len(buffer), 0, special)
        if count < 0:
            buffer = self._piece_buffer = ctypes.create_string_buffer(-count)
            count = cpp.llama_token_to_piece(self.handle, token, buffer, len(buffer), 0, special)
        return buffer.raw[:count]
