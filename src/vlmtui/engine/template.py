"""Chat templates: from messages to the one string that a model reads.

The messages are shaped as llama.cpp shapes them for its own renderer (`common/chat.cpp`): what a
template can't take is put where it can. Templates come from model files, so they run in a sandbox
(`template_language`) and under limits of time, memory and output. This module knows no tokens:
pictures and text are strings here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2
import msgspec

from vlmtui.builtin_templates import NAMES
from vlmtui.engine import template_families
from vlmtui.engine.cancellation import Aborted
from vlmtui.engine.render_limits import LimitPassed, limited
from vlmtui.engine.template_language import WHITESPACE, TemplateLanguage, strftime_now
from vlmtui.errors import GenerateFailed, LoadFailed

_ANOTHER = f"Choose another template with --template, a file or one of {NAMES}."

_MOST_ADDED = 1_000_000
_MOST_REPEATED = 20
"""A prompt has at most so many characters more than what was said, and that at most so often."""

_KEEPS_THOUGHT = {
    "preserve_thinking": True,
    "clear_thinking": False,
    "truncate_history_thinking": False,
    "drop_thinking": False,
}
"""Which thoughts are told is settled before: a template that can keep them keeps those."""


_SWITCHES: dict[str, tuple[object, object]] = {
    "enable_thinking": (False, True),
    "thinking": (False, True),
    "thinking_budget": (0, -1),
}
"""The variables by which templates are told not to think or to think, most take the first."""


class Turn(msgspec.Struct, frozen=True):
    """A message as a template sees it: pictures are strings that stand for them."""

    role: str
    images: tuple[str, ...]
    """Those ahead of the text."""

    text: str
    thought: str = ""
    """What an answer was thought out with."""


class ChatTemplate:
    """A compiled template.

    Finds out by trying what it can't take: a system message, content as text.
    """

    def __init__(
        self,
        source: str,
        *,
        bos: str,
        eos: str,
        joints: tuple[str, str] = ("", ""),
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Compile.

        Args:
            source: Jinja source.
            bos: Text of the begin-of-sequence token.
            eos: Text of the end-of-sequence token.
            joints: What stands between two pictures, and between a picture and text behind it.
            cancelled: Whether whoever waits for a rendering has given up.

        Raises:
            LoadFailed: The source is no valid template, or one that doesn't end.
        """
        self.source = source
        self.switch = ""
        """The variable by which it is told whether to think; empty where it has none."""

        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._joints = joints
        self._cancelled = cancelled
        self._trims = template_families.trims(source)
        self._adapt = template_families.adapting(source)
        try:
            with limited(cancelled):
                self._template = TemplateLanguage().from_string(template_families.mended(source))
                self._typed = False
                self._typed = not self._tells("user") and self._tells("user", typed=True)
                self._takes_system = self._tells("system", "user", typed=self._typed)
                self.thinks = self._thinks()
                self.switch = self._switch()
                self.keeps_thought = self._keeps_thought()
        except Aborted:
            raise
        except LimitPassed as error:
            raise LoadFailed(f"The chat template was stopped: {error}", _ANOTHER) from None
        except Exception as error:  # what may be wrong with foreign code
            raise LoadFailed(
                f"The chat template is broken: {_first_line(error)}", _ANOTHER
            ) from None

    def render(self, turns: Sequence[Turn], *, thinking: bool | None = None) -> str:
        """The prompt up to where the assistant's answer begins.

        A template that has no place for a system message gets it in front of the next message.

        Where the template has a switch for thinking first, None leaves that as it usually is.

        Raises:
            GenerateFailed: The template refuses the conversation, or doesn't come to an end.
            Aborted: Whoever waits has given up.
        """
        try:
            return self._render(turns, answering=True, thinking=thinking)
        except Aborted:
            raise
        except jinja2.TemplateError as error:
            raise GenerateFailed(
                f"The model's chat template refuses this conversation: {error}",
                f"Start a new chat. {_ANOTHER}",
            ) from None
        except LimitPassed as error:
            raise GenerateFailed(
                f"The model's chat template was stopped: {error}", _ANOTHER
            ) from None
        except Exception as error:  # what may be wrong with foreign code
            raise GenerateFailed(
                f"The model's chat template failed: {type(error).__name__}: {error}", _ANOTHER
            ) from None

    def switched(self, thinking: bool) -> dict[str, object]:
        """The variables that tell it whether to think, llama.cpp's and its own."""
        own = {self.switch: _SWITCHES[self.switch][thinking]} if self.switch else {}
        return {"enable_thinking": thinking, **own}

    def written(self, turns: Sequence[Turn]) -> str:
        """A conversation that ends with an answer; empty where the template refuses it."""
        try:
            return self._render(turns, answering=False)
        except Aborted:
            raise
        except Exception:  # one more turn may be more than it takes
            return ""

    def joint(self, turns: Sequence[Turn], prompt: str, answer: str) -> str:
        """What the template puts between a prompt and the answer: a space after Vicuna's colon."""
        whole = self.written([*turns, Turn("assistant", (), answer)])
        rest = whole[len(prompt) :].lstrip()
        if not whole.startswith(prompt) or not rest.startswith(answer.strip()):
            return ""
        return whole[len(prompt) : len(whole) - len(rest)]

    def _render(
        self, turns: Sequence[Turn], *, answering: bool, thinking: bool | None = None
    ) -> str:
        messages = [self._message(turn) for turn in turns]
        if not self._takes_system and messages and messages[0]["role"] == "system":
            _merge_system(messages)
        length = sum(
            len(turn.text) + len(turn.thought) + sum(map(len, turn.images)) for turn in turns
        )
        switch = {"enable_thinking": self.thinks} if thinking is None else self.switched(thinking)
        with limited(self._cancelled):
            return self._run(messages, length, answering, {**_KEEPS_THOUGHT, **switch})

    def _run(
        self,
        messages: list[dict[str, Any]],
        length: int,
        answering: bool,
        of_thought: Mapping[str, object],
    ) -> str:
        """Render, at most so much for what was said, in `length` characters."""
        known: dict[str, Any] = {**self._tokens, **of_thought}
        known["date_string"] = strftime_now("%d %b %Y")
        known["datetime"] = strftime_now("%b %d %Y")
        if answering:
            known["add_generation_prompt"] = True
        adapted = [self._adapt(message) for message in messages]
        pieces: list[str] = []
        left = _MOST_ADDED + _MOST_REPEATED * length
        for piece in self._template.generate(messages=adapted, **known):
            left -= len(piece)
            if left < 0:
                raise LimitPassed("it writes far more than it was given")
            pieces.append(piece)
        return "".join(pieces)

    def _message(self, turn: Turn) -> dict[str, Any]:
        between, before_text = self._joints
        text, thought = turn.text, turn.thought
        if self._trims:
            text, thought = text.strip(WHITESPACE), thought.strip(WHITESPACE)
        content = between.join(turn.images) + (before_text if turn.images and text else "") + text
        message: dict[str, Any] = {
            "role": turn.role,
            "content": [{"type": "text", "text": content}] if self._typed else content,
        }
        if thought:
            message["reasoning_content"] = thought
        return message

    def _tells(self, *roles: str, typed: bool = False) -> bool:
        """Whether the first of these messages is in what the template makes of them."""
        texts = [f"a word of the {role}" for role in roles]
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if typed else text}
            for role, text in zip(roles, texts, strict=True)
        ]
        written = self._tried(messages)
        return texts[0] in written and not re.search(r"""['"]type['"]: ['"]text""", written)

    def _thinks(self) -> bool:
        """Whether it tells thoughts, or begins an answer otherwise where none is wanted."""
        question = self._message(Turn("user", (), "Why?"))
        answer = self._message(Turn("assistant", (), "So.", "a thought"))
        off, on = (self._tried([question], {"enable_thinking": to}) for to in (False, True))
        if on.rpartition("Why?")[2] != off.rpartition("Why?")[2]:
            return True
        return "a thought" in self._tried([question, answer], _KEEPS_THOUGHT, answering=False)

    def _switch(self) -> str:
        question = [self._message(Turn("user", (), "Why?"))]
        for name, states in _SWITCHES.items():
            off, on = (self._tried(question, {name: state}) for state in states)
            if name in self.source and off != on:
                return name
        return ""

    def _keeps_thought(self) -> bool:
        """Whether it tells old thoughts without being asked to."""
        question = self._message(Turn("user", (), "Why?"))
        answer = self._message(Turn("assistant", (), "So.", "a thought"))
        return "a thought" in self._tried([question, answer, question], {})

    def _tried(
        self,
        messages: list[dict[str, Any]],
        of_thought: Mapping[str, object] = {"enable_thinking": True},
        *,
        answering: bool = True,
    ) -> str:
        try:
            return self._run(messages, 0, answering, of_thought)
        except (Aborted, LimitPassed, MemoryError):
            raise
        except Exception:  # whatever a foreign template does with what it did not expect
            return ""


def _merge_system(messages: list[dict[str, Any]]) -> None:
    """Put a system message in front of the message behind it, if there is one."""
    system = messages.pop(0)
    if messages:
        first = messages[0]
        if isinstance(first["content"], str):
            messages[0] = {**first, "content": f"{system['content']}\n{first['content']}"}
        else:
            part = first["content"][0]
            text = f"{system['content'][0]['text']}\n{part['text']}"
            messages[0] = {**first, "content": [{**part, "text": text}]}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
