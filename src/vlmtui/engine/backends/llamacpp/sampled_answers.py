"""Answers as they were sampled, for the prompts that they become a part of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from vlmtui.engine.backends.llamacpp.prompt_units import Unit, common_prefix
from vlmtui.messages import ImagePart, Message, Role

_KEPT_ANSWERS = 64


class Prompt(msgspec.Struct, frozen=True):
    """A conversation, ready to be decoded up to where the answer begins or goes on."""

    messages: tuple[Message, ...]
    """Without the part of an answer that is there already."""

    text: str
    """These as rendered, with guards and picture markers in it."""

    units: list[Unit]
    """These and what there is of the answer."""

    images: dict[str, ImagePart]
    """The pictures in it, by key."""

    begun: str = ""
    """What there is of the answer."""

    thought: str = ""
    """What was thought before."""

    thinking: bool = False
    """It ends inside a thought: the template has opened one, or the last was not closed."""

    written: str = ""
    """Both as they follow `text`, with their markers."""

    unsaid: str = ""
    """The end of what there is that is not in `units`: whitespace that the model is to say again,
    since most tokenizers join it to the next word."""


class SampledAnswer(msgspec.Struct, frozen=True):
    """An answer, or what there is of it, with its tokens."""

    prompt: Prompt
    text: str
    thought: str
    written: str
    """All that stands behind the prompt's text, the thought with its markers too."""

    units: list[Unit]
    """The prompt's, and those that were sampled."""

    thinking: bool
    """They end inside a thought."""


class SampledAnswers:
    """The newest answers of one model."""

    def __init__(self, picture_marker: str) -> None:
        """`picture_marker` begins what stands for a picture in the texts of these prompts."""
        self._marker = picture_marker
        self._answers: deque[SampledAnswer] = deque(maxlen=_KEPT_ANSWERS)

    def add(
        self,
        prompt: Prompt,
        text: str,
        tokens: Sequence[int],
        *,
        thought: str = "",
        written: str | None = None,
        thinking: bool = False,
    ) -> None:
        """Keep an answer as it was sampled.

        Args:
            prompt: What was answered.
            text: The answer's text, as the conversation will hold it, after what had begun.
            tokens: The sampled tokens that make exactly this, without an end-of-turn token.
            thought: What was thought before, after what had begun of that.
            written: Both with their markers; None where there is the text alone.
            thinking: It ends inside the thought.
        """
        whole, before = prompt.begun + text, prompt.thought + thought
        if (whole + before).strip():
            written = prompt.written + (text if written is None else written)
            units = [*prompt.units, *tokens]
            self._answers.append(SampledAnswer(prompt, whole, before, written, units, thinking))

    def newest(self, units: Sequence[Unit]) -> bytes:
        """The newest answer that a row begins with, for `recall`; empty where there is none."""
        for answer in reversed(self._answers):
            # the last token may be one that was sampled and not decoded yet
            if common_prefix(answer.units, units) >= len(answer.units) - 1:
                return msgspec.msgpack.encode((self._marker, answer))
        return b""

    def recall(self, newest: bytes) -> None:
        """Add an answer that another process has kept; what can't be read is none."""
        try:
            marker, answer = msgspec.msgpack.decode(newest, type=tuple[str, SampledAnswer])
        except msgspec.MsgspecError:
            return
        replace = msgspec.structs.replace
        text = answer.prompt.text.replace(marker, self._marker)
        self._answers.append(replace(answer, prompt=replace(answer.prompt, text=text)))

    def exactly(self, text: str, begun: str, thought: str) -> SampledAnswer | None:
        """A prompt and the beginning of its answer, if these are the very ones that came."""
        if not begun and not thought:
            return None
        return next(
            (
                answer
                for answer in reversed(self._answers)
                if answer.text == begun and answer.thought == thought and answer.prompt.text == text
            ),
            None,
        )

    def longest(
        self, text: str, messages: tuple[Message, ...], is_plain: Callable[[str], bool]
    ) -> SampledAnswer | None:
        """The answer that reaches furthest into a prompt, as it was rendered of these messages.

        `is_plain` says that a text has no special token's in it: such ones would need a guard.
        """
        best: SampledAnswer | None = None
        for answer in self._answers:
            turn = len(answer.prompt.messages)
            if (
                turn < len(messages)
                and (best is None or len(answer.prompt.text) > len(best.prompt.text))
                and messages[turn].role is Role.ASSISTANT
                and messages[turn].text.strip() == answer.text.strip()
                and is_plain(answer.text)
                and is_plain(answer.thought)
                and text.startswith(answer.prompt.text)
                and text[len(answer.prompt.text) :].lstrip().startswith(answer.written.strip())
            ):
                best = answer
        return best
