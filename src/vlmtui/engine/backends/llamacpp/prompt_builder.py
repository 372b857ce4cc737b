"""From messages to the units of a prompt.

Two things make this more than "render, then tokenise". What a person or a model wrote is data: the
text of a special token in it must not become that token. And an answer must stand in the next
prompt as the tokens that were sampled, because tokenising its text may give others, from where on
the KV cache would be lost.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from vlmtui.builtin_templates import NAMES
from vlmtui.engine.backends.llamacpp.prompt_units import Unit
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.errors import GenerateFailed
from vlmtui.messages import ImagePart, Message, Role, TextPart

_GUARDS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))
"""Unicode's noncharacters, never to be exchanged between programs. One of them is put into the
texts of special tokens that a message contains, and taken out again before tokenising."""

_KEPT_ANSWERS = 64


class Tokenizer(Protocol):
    """What this module needs of a vocabulary; see `llama_vocabulary.Vocabulary`."""

    adds_bos: bool
    bos: int

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Tokens of a text."""

    @property
    def special_tokens(self) -> dict[str, int]:
        """Ids of the special tokens by their text."""

    @property
    def special_pattern(self) -> re.Pattern[str]:
        """Matches a special token's text, as one group."""


class Prompt(msgspec.Struct, frozen=True):
    """A conversation, ready to be decoded up to where the answer begins or goes on."""

    messages: tuple[Message, ...]
    """Without the part of an answer that is there already."""

    text: str
    """These as rendered, with guards and picture markers in it."""

    units: list[Unit]
    """These and what there is of the answer."""

    images: dict[str, ImagePart]
    """The pictures in it, by digest."""

    begun: str = ""
    """What there is of the answer."""

    unsaid: str = ""
    """The end of `begun` that is not in `units`: whitespace that the model is to say again, since
    most tokenizers join it to the next word."""


class _Answer(msgspec.Struct, frozen=True):
    prompt: Prompt
    text: str
    units: list[Unit]
    """The prompt's, and those that were sampled."""


class PromptBuilder:
    """Builds prompts for one loaded model, and remembers the answers to them."""

    def __init__(
        self,
        template: ChatTemplate,
        vocabulary: Tokenizer,
        layout: Callable[[ImagePart], list[Unit]],
    ) -> None:
        """Prepare.

        Args:
            template: Renders the conversation.
            vocabulary: Tokenises it.
            layout: Gives the units of a picture.
        """
        self._template = template
        self._vocabulary = vocabulary
        self._layout = layout
        self._answers: deque[_Answer] = deque(maxlen=_KEPT_ANSWERS)
        nonce = secrets.token_hex(8)  # so that no text can name a picture
        self._marker = f"<__image_{nonce}_{{}}__>"
        self._markers = re.compile(rf"(?:<__image_{nonce}_([0-9a-f]+)__>)")

    def build(self, messages: tuple[Message, ...]) -> Prompt:
        """The prompt of a conversation, which may end with a part of an answer.

        Raises:
            GenerateFailed: The template refuses it, or the model can't take a picture.
        """
        guard = _choose_guard(messages)
        images = {image.sha256: image for message in messages for image in message.images}
        begun, unsaid = "", ""
        if messages[-1].role is Role.ASSISTANT:
            begun, messages = messages[-1].text, messages[:-1]
        turns = [self._turn(message, guard) for message in messages]
        text = self._template.render(turns)
        sampled = self._as_sampled(text, begun)
        if sampled is not None:
            units = list(sampled)
        else:
            said = begun.rstrip()
            unsaid = begun[len(said) :]
            units = self._units(text, messages, images, guard, self._said(turns, text, said, guard))
        if self._vocabulary.adds_bos and units[:1] != [self._vocabulary.bos]:
            units.insert(0, self._vocabulary.bos)
        if not units or not isinstance(units[-1], int):
            # llama.cpp would be asked for logits that nobody computed, and dies of it
            raise GenerateFailed(
                "The chat template ends the prompt without a token to answer to",
                f"Choose another template with --template, a file or one of {NAMES}.",
            )
        return Prompt(messages, text, units, images, begun, unsaid)

    def remember(self, prompt: Prompt, text: str, tokens: Sequence[int]) -> None:
        """Keep an answer as it was sampled.

        Args:
            prompt: What was answered.
            text: The answer's text, as the conversation will hold it, after what had begun.
            tokens: The sampled tokens that make exactly this text, without an end-of-turn token.
        """
        whole = prompt.begun + text
        if whole.strip():
            self._answers.append(_Answer(prompt, whole, [*prompt.units, *tokens]))

    def _as_sampled(self, text: str, begun: str) -> list[Unit] | None:
        """A prompt and the beginning of its answer, if these are the very ones that came."""
        if not begun:
            return None
        return next(
            (
                answer.units
                for answer in reversed(self._answers)
                if answer.text == begun and answer.prompt.text == text
            ),
            None,
        )

    def _said(self, turns: list[Turn], text: str, begun: str, guard: str) -> str:
        """The beginning of an answer as it follows the rendered prompt."""
        if not begun:
            return ""
        begun = self._guarded(begun, guard)
        return self._template.joint(turns, text, begun) + begun

    def _units(
        self,
        text: str,
        messages: tuple[Message, ...],
        images: dict[str, ImagePart],
        guard: str,
        said: str,
    ) -> list[Unit]:
        """The units of a rendered prompt and what is said after it."""
        answer = self._longest_answer(text, messages, guard)
        if answer is None:
            return self._tokenize(text + said, images, guard)
        known = answer.text.strip()
        tail = text[len(answer.prompt.text) :]
        rest = tail[tail.index(known) + len(known) :]
        return [*answer.units, *self._tokenize(rest + said, images, guard)]

    def _turn(self, message: Message, guard: str) -> Turn:
        """A message with markers for pictures: ahead of the text, or where they stand in it."""
        ahead: list[str] = []
        text: list[str] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                text.append(self._guarded(part.text, guard))
            else:
                (text if text else ahead).append(self._marker.format(part.sha256))
        return Turn(message.role.value, tuple(ahead), "".join(text))

    def _guarded(self, text: str, guard: str) -> str:
        pattern = self._vocabulary.special_pattern
        return pattern.sub(lambda match: match[0][:1] + guard + match[0][1:], text)

    def _longest_answer(
        self, text: str, messages: tuple[Message, ...], guard: str
    ) -> _Answer | None:
        """The remembered answer that reaches furthest into this prompt."""
        best: _Answer | None = None
        for answer in self._answers:
            turn = len(answer.prompt.messages)
            if (
                turn < len(messages)
                and (best is None or len(answer.prompt.text) > len(best.prompt.text))
                and messages[turn].role is Role.ASSISTANT
                and messages[turn].text.strip() == answer.text.strip()
                # an answer with a special token's text in it would need its guard: not worth it
                and self._guarded(answer.text, guard) == answer.text
                and text.startswith(answer.prompt.text)
                and text[len(answer.prompt.text) :].lstrip().startswith(answer.text.strip())
            ):
                best = answer
        return best

    def _tokenize(self, text: str, images: dict[str, ImagePart], guard: str) -> list[Unit]:
        units: list[Unit] = []
        # splitting at a group gives text, digest, text, digest, …, text
        for index, piece in enumerate(self._markers.split(text)):
            if index % 2:
                units += self._layout(images[piece])
            elif piece:
                units += self._tokenize_text(piece, guard)
        return units

    def _tokenize_text(self, text: str, guard: str) -> list[int]:
        if guard not in text:
            return self._vocabulary.tokenize(text, parse_special=True)
        # what llama.cpp does inside: cut at the special tokens, tokenise what lies between; the
        # guarded ones are not cut at
        tokens: list[int] = []
        for index, piece in enumerate(self._vocabulary.special_pattern.split(text)):
            if index % 2:
                tokens.append(self._vocabulary.special_tokens[piece])
            elif piece:
                plain = piece.replace(guard, "")
                tokens += self._vocabulary.tokenize(plain, parse_special=False)
        return tokens


def _choose_guard(messages: tuple[Message, ...]) -> str:
    """A noncharacter that no message contains.

    The same one whenever possible, since the rendered texts of successive prompts are compared.
    """
    text = "".join(message.text for message in messages)
    return next((guard for guard in _GUARDS if guard not in text), _GUARDS[0])
