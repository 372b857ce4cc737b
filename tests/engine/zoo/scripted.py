"""Models that say what a script says: after each token the next one, whatever stood before.

Their layers add nothing, so that the last token alone decides, and each token's embedding points at
the one that follows it. llama.cpp loads and runs them like any other; with a tower they see
pictures. That makes models that think, think in circles, or never come to an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

from tests.engine.zoo import tower
from tests.engine.zoo.tower import Tower

_WIDTH, _HEADS, _CONTEXT = 256, 4, 4096

THINKS = """\
{%- for message in messages -%}
{%- if message['role'] == 'assistant' and message['reasoning_content'] and loop.last -%}
{{ '<|im_start|>assistant\\n<think>\\n' + message['reasoning_content'] + '\\n</think>\\n\\n' }}
{%- else -%}{{ '<|im_start|>' + message['role'] + '\\n' }}{%- endif -%}
{{ message['content'] + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and not enable_thinking -%}{{ '<think>\\n\\n</think>\\n\\n' }}
{%- elif OPENS -%}{{ '<think>\\n' }}{%- endif -%}
{%- endif -%}
"""
"""As Qwen's: drops old thoughts, has a switch. OPENS begins the thought itself, LEAVES leaves that
to the model, TIGHT has no whitespace around markers, SWITCHLESS can't be told not to think."""

OPENS = THINKS.replace("OPENS", "true")
LEAVES = THINKS.replace("OPENS", "false")
TIGHT = OPENS.replace("<think>\\n", "<think>").replace("\\n</think>\\n\\n", "</think>")
SWITCHLESS = OPENS.replace("enable_thinking is defined and not enable_thinking", "false")


@dataclass(frozen=True)
class Script:
    """A model."""

    follows: Mapping[str, str]
    """Each token that is said, and what comes after it; "\\n" begins."""

    template: str = OPENS
    control: tuple[str, ...] = ("<|im_start|>", "<|im_end|>")
    plain: tuple[str, ...] = ("<think>", "</think>")
    """Tokens of their own that are shown, as Qwen's tags are."""

    layers: int = 1
    """More make it slow."""


def chain(*tokens: str, end: str = "<|im_end|>") -> dict[str, str]:
    """A script of tokens one after the other, all different."""
    return dict(zip(tokens, (*tokens[1:], end), strict=True))


def circle(*tokens: str) -> dict[str, str]:
    """A script that has no end."""
    return dict(zip(tokens, (*tokens[1:], tokens[1]), strict=True))


def write(path: Path, script: Script) -> Path:
    """Write the language model."""
    file = GGUFWriter(path, "llama")
    file.add_name(path.stem)
    file.add_context_length(_CONTEXT)
    file.add_embedding_length(_WIDTH)
    file.add_block_count(script.layers)
    file.add_feed_forward_length(32)
    file.add_head_count(_HEADS)
    file.add_head_count_kv(_HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(_WIDTH // _HEADS)
    file.add_chat_template(script.template)
    tokens = _add_tokens(file, script)
    file.add_vocab_size(len(tokens))
    random = np.random.default_rng(11)
    meanings = random.standard_normal((len(tokens), _WIDTH), np.float32)
    meanings /= np.linalg.norm(meanings, axis=1, keepdims=True) / np.sqrt(_WIDTH)
    output = np.zeros_like(meanings)
    for token, follower in script.follows.items():
        output[tokens.index(follower)] += meanings[tokens.index(token)]
    file.add_tensor("token_embd.weight", meanings)
    file.add_tensor("output.weight", output)
    file.add_tensor("output_norm.weight", np.ones(_WIDTH, np.float32))
    for block in range(script.layers):
        for name in ("attn_norm", "ffn_norm"):
            file.add_tensor(f"blk.{block}.{name}.weight", np.ones(_WIDTH, np.float32))
        for name, shape in (
            ("attn_q", (_WIDTH, _WIDTH)),
            ("attn_k", (_WIDTH, _WIDTH)),
            ("attn_v", (_WIDTH, _WIDTH)),
            ("attn_output", (_WIDTH, _WIDTH)),
            ("ffn_gate", (32, _WIDTH)),
            ("ffn_up", (32, _WIDTH)),
            ("ffn_down", (_WIDTH, 32)),
        ):
            file.add_tensor(f"blk.{block}.{name}.weight", np.zeros(shape, np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def write_tower(path: Path) -> Path:
    """Write a vision tower that goes with any of them."""
    shape = Tower("mlp", 56, 14, tower.llava_next, class_embedding=True, pre_norm=True)
    tower.write(path, "scripted tower", shape, _WIDTH)
    return path


def _add_tokens(file: GGUFWriter, script: Script) -> list[str]:
    """A SentencePiece vocabulary: bytes, letters, and the script's own."""
    special = ["<s>", *script.control]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = [chr(code) for code in range(33, 127)]
    said = [*script.follows, *script.follows.values()]
    known = {"<unk>", *special, *script.plain, *bytes_, *letters}
    words = [token for token in dict.fromkeys(said) if token not in known]
    tokens = ["<unk>", *special, *script.plain, *bytes_, "▁", *letters, *words]
    kinds = (
        [TokenType.UNKNOWN]
        + [TokenType.CONTROL] * len(special)
        + [TokenType.USER_DEFINED] * len(script.plain)
        + [TokenType.BYTE] * 256
        + [TokenType.NORMAL] * (1 + len(letters) + len(words))
    )
    file.add_tokenizer_model("llama")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_scores([-float(rank) for rank in range(len(tokens))])
    file.add_token_types(kinds)
    file.add_unk_token_id(0)
    file.add_bos_token_id(tokens.index("<s>"))
    file.add_eos_token_id(tokens.index(script.control[-1]))
    file.add_add_bos_token(True)
    file.add_add_space_prefix(False)
    return tokens
