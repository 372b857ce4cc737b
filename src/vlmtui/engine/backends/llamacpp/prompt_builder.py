"""From messages to the units of a prompt.

Two things make this more than "render, then tokenise". What a person or a model wrote is data: the
text of a special token in it must not become that token. And an answer must stand in the next
prompt as the tokens that were sampled, because tokenising its text may give others, from where on
the KV cache would be lost.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from vlmtui.builtin_templates import NAMES
from vlmtui.engine.backends.llamacpp.prompt_units import Unit, common_prefix
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt, SampledAnswers
from vlmtui.engine.engine_requests import Think
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.engine.thought_split import Markers
from vlmtui.errors import GenerateFailed
from vlmtui.messages import ImagePart, Message, Role, TextPart

if TYPE_CHECKING:  # it loads llama.cpp
    from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary

_GUARDS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))
"""Unicode's noncharacters, never to be exchanged between programs. One of them is put into the
texts of special tokens that a message contains, and taken out again before tokenising."""

_LATER = (Turn("assistant", (), "x"), Turn("user", (), "x"))
"""Stands for an answer and another question."""


class PromptBuilder:
    """Builds prompts for one loaded model.

    Attributes:
        answers: Those to earlier prompts.
    """

    def __init__(
        self,
        template: ChatTemplate,
        vocabulary: Vocabulary,
        layout: Callable[[ImagePart], list[Unit]],
        markers: Markers | None = None,
    ) -> None:
        self._thinking: bool | None = None
        self._around = markers
        texts = () if markers is None else markers.texts
        self._data = re.compile(
            "|".join((vocabulary.special_pattern.pattern, *map(re.escape, texts)))
        )
        # of these there are tokens that llama.cpp makes of any text, and not of special ones alone
        self._always = {
            text
            for text in texts
            if text not in vocabulary.special_tokens
            and len(vocabulary.tokenize(text, parse_special=False)) == 1
        }
        self._template = template
        self._vocabulary = vocabulary
        self._layout = layout
        marker = f"<__image_{secrets.token_hex(8)}_"  # so that no text can name a picture
        self._marker = f"{marker}{{}}__>"
        self._markers = re.compile(rf"(?:{marker}([0-9a-f]+(?:-[0-9]+)?)__>)")
        self.answers = SampledAnswers(marker)

    def think(self, think: Think) -> None:
        """Say whether to think before the answers to the prompts that follow."""
        self._thinking = None if think == "auto" else think != "off"

    def build(self, messages: tuple[Message, ...]) -> Prompt:
        """The prompt of a conversation, which may end with a part of an answer.

        Raises:
            GenerateFailed: The template refuses it, or the model can't take a picture.
        """
        guard = _choose_guard(messages)
        images = {image.key: image for message in messages for image in message.images}
        begun = thought = unsaid = ""
        if messages[-1].role is Role.ASSISTANT:
            begun = messages[-1].text
            thought = messages[-1].thought if self._around is not None else ""
            messages = messages[:-1]
        turns = [self._turn(message, guard) for message in messages]
        text = self._template.render(turns, thinking=self._thinking)
        sampled = self.answers.exactly(text, begun, thought)
        if sampled is not None:
            units, said, thinking = list(sampled.units), sampled.written, sampled.thinking
        else:
            last = begun or thought
            unsaid = last[len(last.rstrip()) :]
            said = self._said(
                turns, text, begun.rstrip(), thought if begun else thought.rstrip(), guard
            )
            units = self._units(text, messages, images, guard, said)
            thinking = not begun and (bool(thought) or self._opens(text))
        units = self._begun_by_bos(units)
        if not units or not isinstance(units[-1], int):
            # llama.cpp would be asked for logits that nobody computed, and dies of it
            raise GenerateFailed(
                "The chat template ends the prompt without a token to answer to",
                f"Choose another template with --template, a file or one of {NAMES}.",
            )
        return Prompt(
            messages, text, units, images, begun, thought, thinking, said.replace(guard, ""), unsaid
        )

    def settled(self, prompt: Prompt) -> int:
        """How many units of a prompt the next question's prompt will begin with.

        Behind them stands what the template says before the newest answer only, like the beginning
        of a thought.
        """
        guard = _choose_guard(prompt.messages)
        turns = [self._turn(message, guard) for message in prompt.messages]
        try:
            later = self._template.render([*turns, *_LATER], thinking=self._thinking)
        except GenerateFailed:
            return 0
        text = later[: common_prefix(prompt.text, later)]
        units = self._units(text, prompt.messages, prompt.images, guard, "")
        return common_prefix(prompt.units, self._begun_by_bos(units))

    def _opens(self, text: str) -> bool:
        """Whether a rendered prompt ends with the beginning of a thought."""
        return self._around is not None and text.rstrip().endswith(self._around.open)

    def _said(self, turns: list[Turn], text: str, begun: str, thought: str, guard: str) -> str:
        """The beginning of an answer as it follows the rendered prompt."""
        begun, thought = self._guarded(begun, guard), self._guarded(thought, guard)
        opens = self._opens(text)
        if self._around is None or not (thought or (begun and opens)):
            return self._template.joint(turns, text, begun) + begun if begun else ""
        before = "" if opens else f"{self._around.open}\n"
        behind = self._around.ending + begun if begun else ""
        return before + thought + behind

    def _units(
        self,
        text: str,
        messages: tuple[Message, ...],
        images: dict[str, ImagePart],
        guard: str,
        said: str,
    ) -> list[Unit]:
        """The units of a rendered prompt and what is said after it."""
        answer = self.answers.longest(
            text, messages, lambda said: self._guarded(said, guard) == said
        )
        if answer is None:
            return self._tokenize(text + said, images, guard)
        known = answer.written.strip()
        tail = text[len(answer.prompt.text) :]
        rest = tail[tail.index(known) + len(known) :]
        return [*answer.units, *self._tokenize(rest + said, images, guard)]

    def _begun_by_bos(self, units: list[Unit]) -> list[Unit]:
        if self._vocabulary.adds_bos and units[:1] != [self._vocabulary.bos]:
            return [self._vocabulary.bos, *units]
        return units

    def _turn(self, message: Message, guard: str) -> Turn:
        """A message with markers for pictures: ahead of the text, or where they stand in it."""
        ahead: list[str] = []
        text: list[str] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                text.append(self._guarded(part.text, guard))
            else:
                (text if text else ahead).append(self._marker.format(part.key))
        kept = message.thought if self._template.keeps_thought else ""
        thought = self._guarded(kept, guard)
        return Turn(message.role.value, tuple(ahead), "".join(text), thought)

    def _guarded(self, text: str, guard: str) -> str:
        def broken(match: re.Match[str]) -> str:
            return match[0][:1] + guard * (1 + (match[0] in self._always)) + match[0][1:]

        return self._data.sub(broken, text)

    def _tokenize(self, text: str, images: dict[str, ImagePart], guard: str) -> list[Unit]:
        units: list[Unit] = []
        # splitting at a group gives text, key, text, key, …, text
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
                for plain in piece.split(guard * 2):
                    tokens += self._vocabulary.tokenize(
                        plain.replace(guard, ""), parse_special=False
                    )
        return tokens


def _choose_guard(messages: tuple[Message, ...]) -> str:
    """A noncharacter that no message contains.

    The same one whenever possible, since the rendered texts of successive prompts are compared.
    """
    text = "".join(message.text for message in messages)
    return next((guard for guard in _GUARDS if guard not in text), _GUARDS[0])
