"""Chat templates: from messages to the one string that a model reads.

Templates come from model files, so they run in Jinja's sandbox, set up as Hugging Face's
`transformers` sets it up (block trimming, loop controls, `raise_exception`, `strftime_now`,
`tojson`). For files that carry none there are four built-in ones. This module knows no tokens:
pictures and text are strings here.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

import jinja2
import jinja2.ext
import jinja2.sandbox
import msgspec

from vlmtui.errors import GenerateFailed, LoadFailed

_VICUNA = """\
{%- if messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] -%}{%- set messages = messages[1:] -%}
{%- else -%}
{%- set system = "A chat between a curious user and an artificial intelligence assistant. \
The assistant gives helpful, detailed, and polite answers to the user's questions." -%}
{%- endif -%}
{{ bos_token }}{{ system }}
{%- for message in messages -%}
{%- if message['role'] == 'user' %} USER: {{ message['content'] }}
{%- else %} ASSISTANT: {{ message['content'] }}{{ eos_token }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %} ASSISTANT:{% endif -%}
"""

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

_LLAMA_3 = """\
{{- bos_token -}}
{%- for message in messages -%}
{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
{{- message['content'] + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif -%}
"""

BUILTIN = {
    "vicuna_v1": _VICUNA,
    "llava-1.6-mistral": _MISTRAL,
    "chatml": _CHATML,
    "llama-3": _LLAMA_3,
}
"""The formats themselves are their model families' own, see LLaVA's and Meta's model cards."""


_FAILURES = (TypeError, KeyError, ValueError, RecursionError, OverflowError)
"""What running a template may raise beside Jinja's own errors."""


class Turn(msgspec.Struct, frozen=True):
    """A message as a template sees it: pictures are strings that stand for them."""

    role: str
    images: tuple[str, ...]
    text: str


class ChatTemplate:
    """A compiled template.

    Finds out by trying whether it takes content as text or as a list of parts.
    """

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """Compile.

        Args:
            source: Jinja source.
            bos: Text of the begin-of-sequence token.
            eos: Text of the end-of-sequence token.

        Raises:
            LoadFailed: The source is no valid template.
        """
        self._tokens = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise LoadFailed(
                f"The model's chat template is invalid: {error}",
                "Choose a built-in one: " + ", ".join(BUILTIN) + ".",
            ) from None
        self._typed = self._takes_parts()

    def render(self, turns: list[Turn]) -> str:
        """The prompt up to where the assistant's answer begins.

        A template that has no place for a system message gets it in front of the first user
        message.

        Raises:
            GenerateFailed: The template refuses the conversation.
        """
        try:
            return self._render_somehow(turns, answering=True)
        except jinja2.TemplateError as error:
            raise GenerateFailed(
                f"The model's chat template refuses this conversation: {error}",
                "Start a new chat, or choose another template.",
            ) from None
        except _FAILURES as error:
            raise GenerateFailed(
                f"The model's chat template failed: {type(error).__name__}: {error}",
                "Choose a built-in template: " + ", ".join(BUILTIN) + ".",
            ) from None

    def joint(self, turns: list[Turn], prompt: str, answer: str) -> str:
        """What the template puts between a prompt and the answer: a space after Vicuna's colon.

        Args:
            turns: What was rendered.
            prompt: As what it was rendered.
            answer: Its beginning, not blank.
        """
        try:
            whole = self._render_somehow([*turns, Turn("assistant", (), answer)], answering=False)
        except (jinja2.TemplateError, *_FAILURES):  # one more turn may be more than it takes
            return ""
        rest = whole[len(prompt) :].lstrip()
        if not whole.startswith(prompt) or not rest.startswith(answer.strip()):
            return ""
        return whole[len(prompt) : len(whole) - len(rest)]

    def _render_somehow(self, turns: list[Turn], *, answering: bool) -> str:
        try:
            return self._render(turns, answering=answering)
        except jinja2.TemplateError:
            if turns and turns[0].role == "system" and len(turns) > 1:
                try:
                    return self._render(_without_system(turns), answering=answering)
                except jinja2.TemplateError:
                    pass
            raise

    def _render(self, turns: list[Turn], *, answering: bool) -> str:
        messages = [{"role": turn.role, "content": self._content(turn)} for turn in turns]
        return self._template.render(
            messages=messages, add_generation_prompt=answering, **self._tokens
        )

    def _content(self, turn: Turn) -> str | list[dict[str, str]]:
        if self._typed and turn.role == "user":
            # pictures go in as text: libmtmd itself puts the model's begin and end tokens around
            # them, and a template that saw an image part would print its own as well
            texts = (*turn.images, *([turn.text] if turn.text else []))
            return [{"type": "text", "text": text} for text in texts]
        return "\n".join((*turn.images, *([turn.text] if turn.text else [])))

    def _takes_parts(self) -> bool:
        probe = [{"role": "user", "content": [{"type": "text", "text": "probe"}]}]
        try:
            result = self._template.render(
                messages=probe, add_generation_prompt=True, **self._tokens
            )
        except Exception:  # whatever a foreign template does with a list it did not expect
            return False
        return "probe" in result and "'type'" not in result and '"type"' not in result


def _without_system(turns: list[Turn]) -> list[Turn]:
    first = turns[1]
    merged = f"{turns[0].text}\n\n{first.text}" if first.text else turns[0].text
    return [Turn(first.role, first.images, merged), *turns[2:]]


def _environment() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _now
    return environment


def _to_json(value: Any, indent: int | None = None) -> str:
    # Jinja's own filter escapes for HTML
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _now(format_: str) -> str:
    return datetime.datetime.now().strftime(format_)
