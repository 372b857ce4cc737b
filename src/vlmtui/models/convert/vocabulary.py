"""A checkpoint's tokens, from its tokenizer's files, as GGUF keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from vlmtui.errors import BadModelFile
from vlmtui.models.convert import bpe, sentencepiece
from vlmtui.models.convert.tokens import CONTROL, NORMAL, UNUSED, USER_DEFINED, Tokens
from vlmtui.models.convert.weights import config

_SPECIAL = ("bos", "eos", "unk", "pad")


def read(folder: Path, model: dict[str, Any], rows: int) -> Tokens:
    """The vocabulary of a checkpoint: SentencePiece's where there is one, else BPE.

    There are as many tokens as the embeddings have `rows`.

    Raises:
        BadModelFile: A file is missing or damaged, or of a kind that llama.cpp can't be told.
    """
    own = folder / "tokenizer_config.json"
    given = config(own) if own.is_file() else {}
    if (folder / "tokenizer.model").is_file():
        tokens = sentencepiece.read(folder / "tokenizer.model")
    elif (folder / "tokenizer.json").is_file():
        tokens = bpe.read(folder / "tokenizer.json")
    else:
        raise BadModelFile(
            f"There is no tokenizer in {folder}", "tokenizer.model or tokenizer.json belongs there."
        )
    for number, (text, special) in sorted(_added(folder, given).items()):
        if number < rows:
            _put(tokens, number, text, CONTROL if special else USER_DEFINED)
    if len(tokens.texts) > rows:
        raise BadModelFile(
            f"The tokenizer in {folder} has {len(tokens.texts):,} tokens, and the model's "
            f"embeddings have {rows:,} rows",
            "The files belong to two models: get both from one repository.",
        )
    while len(tokens.texts) < rows:
        tokens.append(f"[PAD{len(tokens.texts)}]", UNUSED)
    return msgspec.structs.replace(
        tokens,
        special={**tokens.special, **_special(tokens, given, model)},
        add_bos=_either(given.get("add_bos_token"), tokens.add_bos),
        space_first=_either(given.get("add_prefix_space"), tokens.space_first),
    )


def _either(value: Any, otherwise: bool) -> bool:
    return value if isinstance(value, bool) else otherwise


def _added(folder: Path, given: dict[str, Any]) -> dict[int, tuple[str, bool]]:
    """Tokens that were added to the tokenizer's own: text, and whether they are special."""
    added: dict[int, tuple[str, bool]] = {}
    if (folder / "added_tokens.json").is_file():
        for text, number in config(folder / "added_tokens.json").items():
            if isinstance(number, int):
                added[number] = (text, text.startswith("<") and text.endswith(">"))
    if (folder / "tokenizer.json").is_file():
        for each in config(folder / "tokenizer.json").get("added_tokens") or ():
            added[int(each["id"])] = (str(each["content"]), bool(each.get("special")))
    for number, each in (given.get("added_tokens_decoder") or {}).items():
        added[int(number)] = (str(each["content"]), bool(each.get("special")))
    return added


def _put(tokens: Tokens, number: int, text: str, kind: int) -> None:
    """Give an added token its number, which may be that of one of the tokenizer's own."""
    if number < len(tokens.texts):
        if tokens.texts[number] != text or (tokens.kinds[number], kind) == (NORMAL, CONTROL):
            tokens.texts[number], tokens.kinds[number] = text, kind
        return
    while len(tokens.texts) < number:
        tokens.append(f"[PAD{len(tokens.texts)}]", UNUSED)
    tokens.append(text, kind)


def _special(tokens: Tokens, given: dict[str, Any], model: dict[str, Any]) -> dict[str, int]:
    """Numbers of the tokens that begin and end a text, by what tokenizer and model say."""
    numbers = {text: number for number, text in enumerate(tokens.texts)}
    found = {}
    for name in _SPECIAL:
        value = given.get(f"{name}_token")
        text = value.get("content") if isinstance(value, dict) else value
        number = model.get(f"{name}_token_id")
        number = number[0] if isinstance(number, list) and number else number
        if isinstance(text, str) and text in numbers:
            found[name] = numbers[text]
        elif type(number) is int and 0 <= number < len(tokens.texts) and name not in tokens.special:
            found[name] = number
    return found
