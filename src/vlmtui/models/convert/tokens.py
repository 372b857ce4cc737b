"""Tokens as GGUF keeps them: values only."""

from __future__ import annotations

from typing import Any

import msgspec

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Kinds of tokens, as `llama_token_type` numbers them; SentencePiece numbers its own alike."""

_LEAST_SCORE = -1000.0


class Tokens(msgspec.Struct):
    """A vocabulary."""

    model: str
    """`tokenizer.ggml.model`: "llama" is SentencePiece, "gpt2" byte-level BPE."""

    pre: str
    """How a text is cut into words before it is cut into tokens, as llama.cpp names it."""

    texts: list[str] = []
    kinds: list[int] = []
    scores: list[float] = []
    """Of SentencePiece; the larger, the earlier two pieces are joined."""

    merges: list[str] = []
    """Of BPE: two tokens that are joined, the first ones first."""

    special: dict[str, int] = {}
    """Numbers of "bos", "eos", "unk" and "pad", as far as there are such tokens."""

    add_bos: bool = False
    space_first: bool = False
    """A text is read as if a space stood before it."""

    def append(self, text: str, kind: int, score: float = _LEAST_SCORE) -> None:
        self.texts.append(text)
        self.kinds.append(kind)
        self.scores.append(score)

    def metadata(self) -> dict[str, Any]:
        prefix = "tokenizer.ggml."
        fields: dict[str, Any] = {
            f"{prefix}model": self.model,
            f"{prefix}pre": self.pre,
            f"{prefix}tokens": self.texts,
            f"{prefix}token_type": self.kinds,
            f"{prefix}add_bos_token": self.add_bos,
        }
        if self.model == "gpt2":
            fields[f"{prefix}merges"] = self.merges
        else:
            fields[f"{prefix}scores"] = self.scores
            fields[f"{prefix}add_space_prefix"] = self.space_first
        names = {"unk": "unknown", "pad": "padding"}
        for name, number in self.special.items():
            fields[f"{prefix}{names.get(name, name)}_token_id"] = number
        return fields
