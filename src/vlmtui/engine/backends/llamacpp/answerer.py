"""A loaded model that answers conversations with the least work.

What of a prompt stands in the KV cache is not computed again (`cache`), a picture that was encoded
before is not encoded again (`vision`), and answers stay the tokens that were sampled
(`prompt_builder`).
"""

from __future__ import annotations

from collections.abc import Callable

from vlmtui.engine.backends.llamacpp.cache import KvCache
from vlmtui.engine.backends.llamacpp.chat_format import chat_format
from vlmtui.engine.backends.llamacpp.chat_states import states_on_disk
from vlmtui.engine.backends.llamacpp.decoder import Decoder
from vlmtui.engine.backends.llamacpp.embeddings_on_disk import embeddings_on_disk
from vlmtui.engine.backends.llamacpp.grammar_trial import GrammarTrial
from vlmtui.engine.backends.llamacpp.graph_tower import GraphTower
from vlmtui.engine.backends.llamacpp.graph_vision import GraphVision
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.parked_rows import ParkedRows
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt
from vlmtui.engine.backends.llamacpp.shown_messages import ShownMessages
from vlmtui.engine.backends.llamacpp.turn_report import TurnReport
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.backends.llamacpp.window import Window
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_events import Event, Finished, FinishReason, Trimmed
from vlmtui.engine.engine_requests import Generate, Load, Prepare
from vlmtui.messages import Message, Role


class Answerer:
    """A loaded model with all that answers need; `close` frees it.

    Attributes:
        chat_format: How conversations are written for the model.
        shown: What the model is shown of a conversation.
    """

    def __init__(
        self, request: Load, model: LoadedModel, cancel: CancelFlag, graph: GraphTower | None
    ) -> None:
        self._model = model
        self._cancel = cancel
        self.chat_format = chat_format(request, model)
        pictures = embeddings_on_disk(request, model)
        self._vision: VisionTower = Vision(model, request.image_cache_bytes, pictures)
        if graph is not None:
            self._vision = GraphVision(model, graph, request, pictures)
        self.shown = ShownMessages(request.title, model, self._vision)
        self._cache = KvCache(model, self._vision, cancel, request)
        self._parked = ParkedRows(self._cache)
        self._prompts = PromptBuilder(
            self.chat_format.template,
            model.vocabulary,
            self._vision.layout,
            self.chat_format.markers,
        )
        self._trial = GrammarTrial(model.vocabulary, cancel)
        self._window = Window(self._prompts.build, model.context_size, model.context_trained)
        self._states = states_on_disk(request, model, self._cache, self._prompts)
        self._decoder = Decoder(model, self.chat_format, self._cache, self._prompts, cancel)

    def answer(
        self, request: Generate, emit: Callable[[Event], None], *, insist: bool = False
    ) -> Finished:
        """Read the prompt, then decode; `insist` on one of the choices, however unlikely they are.

        Raises:
            Unlikely: None of the choices is what the model would say.
        """
        messages = self.shown.asked(request, emit)
        report = TurnReport(emit, messages)
        self._enter(request)
        try:
            self._trial.check(request.sampling.constraint)
            self._prompts.think(request.sampling.think)
            prompt = self._fitting(messages, request.sampling.max_tokens, report, emit)
        except Aborted:
            return report.finish("cancelled", self._cache.used, self._model.context_size)
        self._bring_back(prompt, request.chat)
        kept = self._cache.keep(prompt.units)
        report.prompt(prompt, kept, self._vision)
        reason: FinishReason = "cancelled"
        try:
            settled = 0 if self._model.goes_back else self._prompts.settled(prompt)
            self._cache.prefill(prompt.units, prompt.images, report, settled)
        except Aborted:
            pass
        else:
            reason = self._decoder.decode(prompt, request.sampling, report, insist=insist)
        return self._finished(report, reason)

    def read_ahead(self, request: Prepare, emit: Callable[[Event], None]) -> Finished:
        """Read what is certain of the next prompt, then keep what is there of the chat."""
        messages = self.shown.ahead(request)
        report = TurnReport(emit, messages)
        reason: FinishReason = "done"
        self._enter(request)
        self._prompts.think(request.think)
        try:
            prompt = self._window.certain(messages)
            if prompt.units and not self._cache.holds(prompt.units):
                self._bring_back(prompt, request.chat)
                settled = 0 if self._model.goes_back else self._before_question(messages)
                report.prompt(prompt, self._cache.keep(prompt.units), self._vision)
                self._cache.prefill(prompt.units, prompt.images, report, settled)
            elif self._model.goes_back and self._states is not None:
                self._cache.cut(len(prompt.units))  # what was deleted must not come to the disk
                self._states.settle()
        except Aborted:
            reason = "cancelled"
        finished = self._finished(report, reason)
        if self._states is not None and reason == "done":
            self._states.keep()
        return finished

    def keep(self, seconds: float) -> None:
        """Keep what is there of the chat, for which there is so much time."""
        if self._states is not None:
            self._states.keep(now=True)
            self._states.close(seconds)

    def close(self) -> None:
        if self._states is not None:
            self._states.close()
        self._cache.close()
        self._vision.close()
        self._model.close()

    def _enter(self, request: Generate | Prepare) -> None:
        if self._states is not None:
            self._states.enter(request.chat)

    def _fitting(
        self,
        messages: tuple[Message, ...],
        limit: int,
        report: TurnReport,
        emit: Callable[[Event], None],
    ) -> Prompt:
        """As much of a conversation as fits; what was left out is told."""

        def tried(tokens: int) -> None:
            if self._cancel.is_set:
                raise Aborted
            report.tried(tokens)

        prompt, dropped = self._window.fit(messages, limit, tried)
        if dropped:
            emit(Trimmed(dropped, _count_images(messages, dropped)))
        return prompt

    def _bring_back(self, prompt: Prompt, chat: str) -> None:
        """Have what is in memory, or on the disk, of this chat, if that is of this prompt."""
        self._parked.change(prompt.units, chat)
        if self._states is not None:
            self._states.bring_back(prompt.units)
            self._states.settle()

    def _before_question(self, messages: tuple[Message, ...]) -> int:
        """How many units stand before what is being written, which may yet be written otherwise."""
        earlier = messages[:-1] if messages[-1:] and messages[-1].role is Role.USER else messages
        return len(self._window.certain(earlier).units) if earlier else 0

    def _finished(self, report: TurnReport, reason: FinishReason) -> Finished:
        finished = report.finish(reason, self._cache.used, self._model.context_size)
        if self._states is not None:
            self._states.measure(finished.stats)
        return finished


def _count_images(messages: tuple[Message, ...], dropped: int) -> int:
    system = 1 if messages[0].role is Role.SYSTEM else 0
    return sum(len(message.images) for message in messages[system : system + dropped])
