"""Vocabularies of a few hundred tokens that read any text.

The two kinds that the models in question have: byte-level BPE (`gpt2`) and SentencePiece (`llama`).
"""

from __future__ import annotations

import string
from collections.abc import Sequence

from gguf import GGUFWriter, TokenType

_WORDS = (
    " the",
    " is",
    " what",
    " color",
    " circle",
    " picture",
    " image",
    " and",
    " there",
    " it",
    "user",
    "assistant",
    "system",
    "What",
    "Describe",
    "\n\n",  # libmtmd looks it up for SmolVLM
)

Vocabulary = tuple[int, list[int]]
"""How many tokens, and the ids of those that a model may say: letters, digits, words, space."""


def add_bpe(file: GGUFWriter, pre: str, special: Sequence[str], *, bos: str = "") -> Vocabulary:
    """A byte-level BPE vocabulary.

    Args:
        file: Gets the tokens.
        pre: llama.cpp's name of how text is cut into words.
        special: Texts of the control tokens; the first one ends a turn.
        bos: The control token that begins a text, if one does.
    """
    letters = _byte_letters()
    tokens = list(letters.values())
    merges: list[str] = []
    for word in _WORDS:
        spelled = "".join(letters[byte] for byte in word.encode())
        for end in range(2, len(spelled) + 1):
            if spelled[:end] not in tokens:
                tokens.append(spelled[:end])
                merges.append(f"{spelled[: end - 1]} {spelled[end - 1]}")
    shown = {letters[ord(character)] for character in string.ascii_letters + string.digits + " "}
    sayable = [at for at, token in enumerate(tokens) if set(token) <= shown]
    kinds = [TokenType.NORMAL] * len(tokens) + [TokenType.CONTROL] * len(special)
    tokens += special
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre(pre)
    file.add_token_merges(merges)
    file.add_token_list(tokens)
    file.add_token_types(kinds)
    file.add_eos_token_id(tokens.index(special[0]))
    file.add_add_bos_token(bool(bos))
    if bos:
        file.add_bos_token_id(tokens.index(bos))
    return len(tokens), sayable


def add_sentencepiece(
    file: GGUFWriter, special: Sequence[str], *, bos: str, eos: str, space_first: bool
) -> Vocabulary:
    """A SentencePiece vocabulary with byte tokens.

    Args:
        file: Gets the tokens.
        special: Texts of the control tokens, `bos` and `eos` among them.
        bos: The one that begins a text.
        eos: The one that ends it.
        space_first: Whether a text is read as if a space stood before it.
    """
    said = "▁" + string.ascii_letters + string.digits
    tokens = ["<unk>", *special, *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [TokenType.UNKNOWN] + [TokenType.CONTROL] * len(special) + [TokenType.BYTE] * 256
    first = len(tokens)
    tokens += said
    for word in _WORDS:
        spelled = word.replace(" ", "▁")
        new = (spelled[:end] for end in range(2, len(spelled) + 1))
        tokens += [piece for piece in new if piece not in tokens]
    sayable = list(range(first, len(tokens)))
    tokens += string.punctuation
    kinds += [TokenType.NORMAL] * (len(tokens) - first)
    file.add_tokenizer_model("llama")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_scores([-float(rank) for rank in range(len(tokens))])
    file.add_token_types(kinds)
    file.add_unk_token_id(0)
    file.add_bos_token_id(tokens.index(bos))
    file.add_eos_token_id(tokens.index(eos))
    file.add_add_bos_token(True)
    file.add_add_space_prefix(space_first)
    return len(tokens), sayable


def _byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte: its own, or one from 256 on for those without."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + at) for at, byte in enumerate(others)
    }
