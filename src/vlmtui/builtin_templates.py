"""The chat templates that come with vlmtui, for model files that carry none or a broken one.

The formats are their model families' own, see the model cards of LLaVA, Meta, Google and Microsoft.
This module renders nothing; `template` does.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

_VICUNA = """\
{%- if messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] -%}{%- set messages = messages[1:] -%}
{%- else -%}
{%- set system = "A chat between a curious user and an artificial intelligence assistant. \
The assistant gives helpful, detailed, and polite answers to the user's questions." -%}
{%- endif -%}
{{ bos_token + system + ' ' }}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{ 'USER: ' + message['content'] + ' ' }}
{%- else -%}
{{ 'ASSISTANT: ' + message['content'] + eos_token }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}
"""
# nothing stands between the end of an answer and the next question: a space there is a token that
# the models never saw

_MISTRAL = """\
{%- if messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] + '\\n' -%}{%- set messages = messages[1:] -%}
{%- else -%}{%- set system = '' -%}{%- endif -%}
{{ bos_token }}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
[INST] {{ system if loop.first else '' }}{{ message['content'] }} [/INST]
{%- else %} {{ message['content'] }}{{ eos_token }}
{%- endif -%}
{%- endfor -%}
"""

_CHATML = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""

_LLAMA_3_TURNS = """\
{%- for message in messages -%}
{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
{{- message['content'] + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif -%}
"""

_LLAMA_3 = "{{- bos_token -}}\n" + _LLAMA_3_TURNS

VILA_LLAMA_3 = (
    """\
{{- bos_token -}}
{%- if messages[0]['role'] != 'system' -%}
{{ '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{{- "You are a helpful language and vision assistant. You are able to understand the visual \
content that the user provides, and assist the user with a variety of tasks using natural \
language." + '<|eot_id|>' }}
{%- endif -%}
"""
    + _LLAMA_3_TURNS
)
"""Of Llama-3-VILA1.5: Llama 3's with VILA's own system prompt. Written into imported files."""

_GEMMA = """\
{{- bos_token -}}
{%- if messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] + '\\n\\n' -%}{%- set messages = messages[1:] -%}
{%- else -%}{%- set system = '' -%}{%- endif -%}
{%- for message in messages -%}
{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\\n' }}
{{- (system if loop.first else '') + message['content'] + '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}
"""

_PHI_3 = """\
{%- for message in messages -%}
{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}
"""


class Builtin(msgspec.Struct, frozen=True):
    """A chat template that comes with vlmtui."""

    source: str
    """Jinja."""

    tokens: tuple[str, ...] = ()
    """Special tokens that a model of this format has, all of them; none: its tokens don't tell."""

    ends: tuple[str, ...] = ()
    """What a model that doesn't end its turn by itself writes when its turn is over."""

    joints: tuple[str, str] = ("", "")
    """What stands between two pictures, and between a picture and text behind it."""


LINES = ("\n", "\n")
"""The joints of LLaVA and VILA: a picture is a line of its own."""

BUILTIN = {
    "vicuna_v1": Builtin(_VICUNA, ends=(" USER:", "\nUSER:", "</s>"), joints=LINES),
    "llava-1.6-mistral": Builtin(_MISTRAL, ("[INST]", "[/INST]"), ("[INST]", "</s>"), LINES),
    "chatml": Builtin(
        _CHATML, ("<|im_start|>", "<|im_end|>"), ("<|im_end|>", "<|im_start|>", "<|endoftext|>")
    ),
    "llama-3": Builtin(
        _LLAMA_3,
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        ("<|eot_id|>", "<|start_header_id|>"),
    ),
    "gemma": Builtin(
        _GEMMA, ("<start_of_turn>", "<end_of_turn>"), ("<end_of_turn>", "<start_of_turn>")
    ),
    "phi-3": Builtin(
        _PHI_3, ("<|user|>", "<|assistant|>", "<|end|>"), ("<|end|>", "<|user|>", "<|endoftext|>")
    ),
}

NAMES = ", ".join(BUILTIN)
"""For a person who is to choose one."""

_BY_ARCHITECTURE = {"llama": "vicuna_v1"}
"""Where the vocabulary doesn't tell: files of LLaVA-1.5 carry no template."""


def choose(tokens: Collection[str], architecture: str, path: str) -> tuple[str, str]:
    """The built-in template for a model whose file has none that can be used.

    It is told by the texts of special tokens, llama.cpp's name of the architecture, or the file's.

    Returns:
        The template's name, and what it was told by, for a person.
    """
    for name, builtin in BUILTIN.items():
        if builtin.tokens and all(token in tokens for token in builtin.tokens):
            return name, f"its vocabulary has {builtin.tokens[0]}"
    if "mistral" in path.lower():
        return "llava-1.6-mistral", "the file's name says Mistral"
    if architecture in _BY_ARCHITECTURE:
        return _BY_ARCHITECTURE[architecture], f"its architecture is {architecture}"
    return "chatml", "nothing says which is right"
