"""An answer as it is sampled: tokens become text, of the thought and of the answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property

from vlmtui.engine.backends.llamacpp.answer_text import AnswerText
from vlmtui.engine.backends.llamacpp.llama_vocabulary import Vocabulary
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt
from vlmtui.engine.backends.llamacpp.turn_report import TurnReport
from vlmtui.engine.engine_requests import Think
from vlmtui.engine.thought_split import Markers, ThoughtSplit

_SMALL_MODEL = 4_000_000_000
_SMALL_BUDGET = 512
"""Models with fewer parameters think in circles, as the makers of some say themselves: they may
think so many tokens unless it is asked for otherwise."""


def thought_budget(think: Think, parameters: int) -> int | None:
    """Tokens that a model may think; None for no limit."""
    if isinstance(think, int):
        return think
    if think == "off":
        return 0  # where the template has no switch
    return _SMALL_BUDGET if think == "auto" and parameters < _SMALL_MODEL else None


class AnswerStream:
    """What a model says to one prompt.

    Attributes:
        tokens: All that were sampled or put in, the end of the turn not among them.
        text: The answer.
    """

    def __init__(
        self,
        prompt: Prompt,
        vocabulary: Vocabulary,
        markers: Markers | None,
        stop: Sequence[str],
        budget: int | None,
    ) -> None:
        self._prompt = prompt
        self._vocabulary = vocabulary
        self._markers = markers
        self._budget = budget
        begun, thought = bool(prompt.begun), bool(prompt.thought)
        self._split = (
            ThoughtSplit(markers, thinking=prompt.thinking, answering=begun) if markers else None
        )
        self.text = AnswerText(stop, begun=begun, unsaid=prompt.unsaid if begun else "")
        self._thought = AnswerText(begun=thought, unsaid="" if begun else prompt.unsaid)
        self.tokens: list[int] = []
        self._thought_tokens = 0
        self._whole = 0
        """How many of the tokens make exactly the text given out so far."""

        self._thinking_then = prompt.thinking
        """Whether these end inside the thought."""

    @property
    def thinking(self) -> bool:
        """The next token belongs to a thought."""
        return bool(self._split and self._split.thinking)

    @property
    def begun(self) -> str:
        """What there is of the answer, without the space at its end that is to be said again."""
        return self._prompt.begun.removesuffix(self._prompt.unsaid) + self.text.text

    @cached_property
    def leads(self) -> Mapping[int, Sequence[int]]:
        """What may stand before the answer and is no part of it, by its first token: the rest."""
        texts = self._markers.texts if self._markers else ()
        lines = [self._vocabulary.tokenize(text, parse_special=True) for text in texts]
        return {line[0]: line[1:] for line in lines if line}

    def ending(self, *, concludes: bool) -> deque[int]:
        """The tokens that end the thought, where it must end now or the user wants that."""
        over = self._budget is not None and self._thought_tokens >= self._budget
        if self._markers is None or not self.thinking or not (over or concludes):
            return deque()
        return deque(self._vocabulary.tokenize(self._markers.ending, parse_special=True))

    def take(self, token: int, report: TurnReport, *, put_in: bool) -> None:
        """Add a token, `put_in` by `ending` or sampled, and report the text that is certain."""
        self.tokens.append(token)
        thinking = self.thinking and not put_in
        self._thought_tokens += thinking
        piece = self._vocabulary.piece(token)
        thought = b""
        if self._split:
            written = self._vocabulary.written(token)
            thought, piece = self._split.feed(written, special=not piece)
        thought_text = self._thought.feed(thought) if thought else ""
        report.token(self.text.feed(piece), thought_text, thinking=thinking)
        self._note_whole()

    def finish(self, report: TurnReport, prompts: PromptBuilder) -> None:
        """The answer has ended: report what was held back, and remember it."""
        thought, piece = self._split.finish() if self._split else (b"", b"")
        thought_text = self._thought.feed(thought) + self._thought.finish()
        report.ending(self.text.feed(piece) + self.text.finish(), thought_text)
        if self.text.stopped:  # the tokens say more than the text
            return
        self._note_whole()
        tokens = self.tokens[: self._whole]
        spell = self._vocabulary.written if self._split else self._vocabulary.piece
        prompts.answers.add(
            self._prompt,
            self.text.text,
            tokens,
            thought=self._thought.text,
            written=b"".join(map(spell, tokens)).decode(errors="replace"),
            thinking=self._thinking_then,
        )

    def _note_whole(self) -> None:
        held = self._split is not None and self._split.holds
        if not held and self.text.whole and self._thought.whole:
            self._whole = len(self.tokens)
            self._thinking_then = self.thinking
