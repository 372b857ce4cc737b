"""Chat templates: from messages to the one string that a model reads.

Templates come from model files, so they run in Jinja's sandbox, set up as Hugging Face's
`transformers` sets it up (block trimming, loop controls, `{% generation %}`, `raise_exception`,
`strftime_now`, `tojson`), and under limits of time, memory and output. This module knows no tokens:
pictures and text are strings here.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
import msgspec

from vlmtui.builtin_templates import NAMES
from vlmtui.engine.render_limits import LimitPassed, limited
from vlmtui.errors import GenerateFailed, LoadFailed

_FAILURES = (TypeError, KeyError, ValueError, RecursionError, OverflowError)
"""What running a template may raise beside Jinja's own errors."""

_ANOTHER = f"Choose another template with --template, a file or one of {NAMES}."

_MOST_ADDED = 1_000_000
_MOST_REPEATED = 20
"""A prompt has at most so many characters more than what was said, and that at most so often."""

_LARGEST_NUMBER = 2**64
"""Products and powers beyond would take time that nothing can end."""


class _Generation(jinja2.ext.Extension):
    """`{% generation %}` and its end: they mark what is trained on, and nothing else."""

    tags = {"generation"}  # noqa: RUF012 - Jinja declares it as it is

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """Take the body; what it sets stays within, as in `transformers`."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


class Turn(msgspec.Struct, frozen=True):
    """A message as a template sees it: pictures are strings that stand for them."""

    role: str
    images: tuple[str, ...]
    text: str


class ChatTemplate:
    """A compiled template.

    Finds out by trying whether it takes content as text or as a list of parts.
    """

    def __init__(
        self,
        source: str,
        *,
        bos: str,
        eos: str,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Compile.

        Args:
            source: Jinja source.
            bos: Text of the begin-of-sequence token.
            eos: Text of the end-of-sequence token.
            cancelled: Whether whoever waits for a rendering has given up.

        Raises:
            LoadFailed: The source is no valid template, or one that doesn't end.
        """
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._cancelled = cancelled
        try:
            with limited():
                self._template = _Sandbox.make().from_string(source)
            self._typed = self._takes_parts()
        except (jinja2.TemplateError, LimitPassed, *_FAILURES) as error:
            raise LoadFailed(
                f"The chat template is broken: {_first_line(error)}", _ANOTHER
            ) from None

    def render(self, turns: list[Turn]) -> str:
        """The prompt up to where the assistant's answer begins.

        A template that has no place for a system message gets it in front of the first user
        message.

        Raises:
            GenerateFailed: The template refuses the conversation, or doesn't come to an end.
            Aborted: Whoever waits has given up.
        """
        try:
            return self._render_somehow(turns, answering=True)
        except jinja2.TemplateError as error:
            raise GenerateFailed(
                f"The model's chat template refuses this conversation: {error}",
                f"Start a new chat. {_ANOTHER}",
            ) from None
        except LimitPassed as error:
            raise GenerateFailed(
                f"The model's chat template was stopped: {error}", _ANOTHER
            ) from None
        except _FAILURES as error:
            raise GenerateFailed(
                f"The model's chat template failed: {type(error).__name__}: {error}", _ANOTHER
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
        except (
            jinja2.TemplateError,
            LimitPassed,
            *_FAILURES,
        ):  # one more turn may be more than it takes
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
        said = sum(len(turn.text) + sum(map(len, turn.images)) for turn in turns)
        return self._run(messages, answering, said)

    def _run(self, messages: list[dict[str, Any]], answering: bool, said: int) -> str:
        """Render under limits; `said` characters come from the messages."""
        pieces: list[str] = []
        left = _MOST_ADDED + _MOST_REPEATED * said
        with limited(self._cancelled):
            for piece in self._template.generate(
                messages=messages, add_generation_prompt=answering, **self._tokens
            ):
                left -= len(piece)
                if left < 0:
                    raise LimitPassed("it writes far more than was said")
                pieces.append(piece)
            return "".join(pieces)

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
            result = self._run(probe, True, 5)
        except LimitPassed:
            raise
        except Exception:  # whatever a foreign template does with a list it did not expect
            return False
        return "probe" in result and "'type'" not in result and '"type"' not in result


def _without_system(turns: list[Turn]) -> list[Turn]:
    first = turns[1]
    merged = f"{turns[0].text}\n\n{first.text}" if first.text else turns[0].text
    return [Turn(first.role, first.images, merged), *turns[2:]]


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Where templates run: as `transformers` sets Jinja up, and without endless arithmetic."""

    intercepted_binops = frozenset(("**", "*"))

    @classmethod
    def make(cls) -> _Sandbox:
        """With the functions that templates count on."""
        extensions = [jinja2.ext.loopcontrols, _Generation]
        sandbox = cls(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
        sandbox.filters["tojson"] = _to_json
        sandbox.globals["raise_exception"] = _refuse
        sandbox.globals["strftime_now"] = _now
        return sandbox

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply or raise to a power, as long as that ends soon."""
        numbers = [each for each in (left, right) if isinstance(each, int)]
        if any(abs(each) > _LARGEST_NUMBER for each in numbers):
            raise OverflowError("a number is too large")
        if operator == "**" and len(numbers) == 2 and abs(right) * abs(left).bit_length() > 64:
            raise OverflowError("a power is too large")
        return super().call_binop(context, operator, left, right)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As `transformers` has it; Jinja's own filter escapes for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _now(format_: str) -> str:
    return datetime.datetime.now().strftime(format_)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
