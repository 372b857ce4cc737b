"""The decode loop: one token after the other, from the end of a prompt to that of its answer."""

from __future__ import annotations

from collections import deque

from vlmtui.engine.backends.llamacpp.answer_stream import AnswerStream, thought_budget
from vlmtui.engine.backends.llamacpp.cache import KvCache
from vlmtui.engine.backends.llamacpp.chat_format import ChatFormat
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt
from vlmtui.engine.backends.llamacpp.sampling import Sampler
from vlmtui.engine.backends.llamacpp.turn_report import TurnReport
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_events import FinishReason
from vlmtui.engine.engine_requests import Sampling
from vlmtui.engine.structured.constraints import unmet


class Decoder:
    """Has a model say its answers to prompts that stand in its KV cache."""

    def __init__(
        self,
        model: LoadedModel,
        chat_format: ChatFormat,
        cache: KvCache,
        prompts: PromptBuilder,
        cancel: CancelFlag,
    ) -> None:
        self._model = model
        self._format = chat_format
        self._cache = cache
        self._prompts = prompts
        self._cancel = cancel

    def decode(
        self, prompt: Prompt, settings: Sampling, report: TurnReport, *, insist: bool
    ) -> FinishReason:
        """Sample an answer, and remember its tokens.

        Raises:
            Unlikely: None of the choices is what the model would say.
        """
        vocabulary = self._model.vocabulary
        stop = (*settings.stop, *self._format.ends)
        budget = thought_budget(settings.think, self._model.parameters)
        stream = AnswerStream(prompt, vocabulary, self._format.markers, stop, budget)
        tokens = [unit for unit in prompt.units if isinstance(unit, int)]
        sampler = Sampler(settings, vocabulary, tokens)
        sampler.insists = sampler.insists or insist or bool(prompt.begun)
        try:
            reason = self._generate(stream, sampler, settings.max_tokens, report)
            complete = sampler.complete
        finally:
            sampler.close()
        stream.finish(report, self._prompts)
        report.checked(
            unmet(
                settings.constraint,
                prompt.begun + stream.text.text,
                reason,
                stopped=stream.text.stopped,
                complete=complete,
            )
        )
        return reason

    def _generate(
        self, stream: AnswerStream, sampler: Sampler, limit: int, report: TurnReport
    ) -> FinishReason:
        """One token after the other, until the answer has come to its end."""
        put_in: deque[int] = deque()
        while True:
            put_in = put_in or stream.ending(concludes=self._cancel.concludes)
            forced = bool(put_in)
            token = put_in.popleft() if forced else self._sample(stream, sampler, put_in)
            if not forced and self._ends_turn(token):
                return "stop"
            stream.take(token, report, put_in=forced)
            if (end := self._end(stream, limit)) is not None:
                return end
            try:
                self._cache.append(token)
            except Aborted:
                return "cancelled"

    def _sample(self, stream: AnswerStream, sampler: Sampler, put_in: deque[int]) -> int:
        """The next token; the rest of what leads the answer in goes to `put_in`."""
        if stream.thinking:
            return sampler.sample(self._model.context)
        sampler.bind(stream.begun)
        sampler.insists = sampler.insists or bool(stream.tokens)  # it has thought
        token = sampler.sample_bound(self._model.context, stream.leads)
        put_in.extend(stream.leads[token] if sampler.leads else ())
        return token

    def _ends_turn(self, token: int) -> bool:
        return self._model.vocabulary.ends_turn(token) or token in self._format.end_tokens

    def _end(self, stream: AnswerStream, limit: int) -> FinishReason | None:
        """Why the answer ends after its newest token, None if it goes on."""
        if stream.text.stopped:
            return "stop"
        if len(stream.tokens) == limit:
            return "length"
        if self._cache.used >= self._model.context_size:
            return "context"
        if self._cancel.is_set:
            return "cancelled"
        return None
