"""A BPE vocabulary, from the `tokenizer.json` of Hugging Face's tokenizers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vlmtui.errors import BadModelFile
from vlmtui.models.convert.tokens import BYTE, NORMAL, UNKNOWN, UNUSED, Tokens
from vlmtui.models.convert.weights import config

_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
_WORDS = {
    _ENDINGS + _LETTERS + r"\p{N}{1,3}" + _REST: "llama-bpe",
    _ENDINGS + _LETTERS + r"\p{N}" + _REST: "qwen2",
}
"""By the expression that cuts a text into words: llama.cpp's name of it."""

_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")


def read(path: Path) -> Tokens:
    """The vocabulary of a `tokenizer.json`.

    Raises:
        BadModelFile: It is damaged, no BPE, or cuts texts in a way that isn't known here.
    """
    content = config(path)
    try:
        model = content["model"]
        if model.get("type") != "BPE":
            raise _unknown(path, f"it is {model.get('type')}, not BPE")
        tokens = _pieces(model) if model.get("byte_fallback") else _bytes(path, content, model)
        tokens.add_bos = _begins_with_special(content.get("post_processor"))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BadModelFile(
            f"{path} is not a tokenizer: {type(error).__name__}: {error}",
            "Copy or download it again.",
        ) from error
    return tokens


def _bytes(path: Path, content: dict[str, Any], model: dict[str, Any]) -> Tokens:
    """Byte-level BPE: Llama 3, Qwen 2."""
    tokens = Tokens("gpt2", _pre(path, content.get("pre_tokenizer")))
    _fill(tokens, model["vocab"])
    # a merge is a text, or since tokenizers 0.20 a pair
    tokens.merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
    return tokens


def _pieces(model: dict[str, Any]) -> Tokens:
    """A SentencePiece model that was turned into BPE: the order of merges stands for scores."""
    tokens = Tokens("llama", "default", space_first=True)
    _fill(tokens, model["vocab"])
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        joined = merge.replace(" ", "", 1) if isinstance(merge, str) else "".join(merge)
        ranks.setdefault(joined, rank)
    for number, text in enumerate(tokens.texts):
        if _BYTE_TOKEN.fullmatch(text):
            tokens.kinds[number] = BYTE
        tokens.scores[number] = -float(ranks.get(text, len(ranks)))
    unknown = model.get("unk_token")
    if unknown in model["vocab"]:
        tokens.special["unk"] = model["vocab"][unknown]
        tokens.kinds[tokens.special["unk"]] = UNKNOWN
    return tokens


def _fill(tokens: Tokens, vocabulary: dict[str, int]) -> None:
    for text, number in sorted(vocabulary.items(), key=lambda entry: entry[1]):
        if number < len(tokens.texts) or number > 4 * len(vocabulary):
            raise ValueError(f"two tokens have the number {number}, or it is too large")
        while len(tokens.texts) < number:
            tokens.append(f"[PAD{len(tokens.texts)}]", UNUSED)
        tokens.append(text, NORMAL)


def _pre(path: Path, pre: Any) -> str:
    """llama.cpp's name of how a text is cut into words."""
    steps = pre.get("pretokenizers") or [pre] if isinstance(pre, dict) else []
    for step in steps:
        pattern = step.get("pattern")
        words = pattern.get("Regex") if isinstance(pattern, dict) else None
        if words is not None:
            if words in _WORDS:
                return _WORDS[words]
            raise _unknown(path, f"it cuts words by {json.dumps(words)[:120]}")
    raise _unknown(path, "it doesn't cut words as those of Llama 3 and Qwen 2 do")


def _begins_with_special(processor: Any) -> bool:
    """Whether a token is put before each text."""
    if not isinstance(processor, dict):
        return False
    steps = processor.get("processors") or [processor]
    for step in steps:
        single = step.get("single")
        if isinstance(single, list) and single and "SpecialToken" in single[0]:
            return True
    return False


def _unknown(path: Path, what: str) -> BadModelFile:
    return BadModelFile(
        f"The tokenizer {path} is of a kind that vlmtui can't import: {what}",
        "Look for a GGUF of the model.",
    )
