"""The llama.cpp backend: answers conversations with the least work.

Joins the parts of this package. The prompt cache: what of a prompt stands in the KV cache is not
computed again (`cache`), a picture that was encoded before is not encoded again (`vision`), and
answers stay the tokens that were sampled (`prompt_builder`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

import msgspec

from vlmtui.engine import trained_questions
from vlmtui.engine.backends.llamacpp import (
    choosing,
    graph_check,
    graph_tower,
    llama_logs,
    parameters,
)
from vlmtui.engine.backends.llamacpp.cache import KvCache
from vlmtui.engine.backends.llamacpp.certain_prompt import certain
from vlmtui.engine.backends.llamacpp.chat_format import chat_format
from vlmtui.engine.backends.llamacpp.chat_states import states_on_disk
from vlmtui.engine.backends.llamacpp.embeddings_on_disk import embeddings_on_disk
from vlmtui.engine.backends.llamacpp.grammar_trial import GrammarTrial
from vlmtui.engine.backends.llamacpp.graph_tower import GraphTower
from vlmtui.engine.backends.llamacpp.graph_vision import GraphVision
from vlmtui.engine.backends.llamacpp.model import LoadCancelled, LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import Prompt, PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import count_image_tokens
from vlmtui.engine.backends.llamacpp.sampling import Sampler, Unlikely
from vlmtui.engine.backends.llamacpp.simulated_load import simulate
from vlmtui.engine.backends.llamacpp.spoken import Spoken, thought_budget
from vlmtui.engine.backends.llamacpp.turn_report import TurnReport
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.backends.llamacpp.window import Window
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_events import (
    Event,
    Finished,
    FinishReason,
    Loaded,
    Loading,
    Measured,
    Notice,
    Planned,
    Trimmed,
    Unseen,
)
from vlmtui.engine.engine_requests import Generate, Load, Measure, Prepare, Sampling
from vlmtui.engine.grounding import asks_for_boxes
from vlmtui.engine.structured.constraints import unmet
from vlmtui.errors import GenerateFailed
from vlmtui.messages import Detail, ImagePart, Message, Role, TextPart

_LOADING_INTERVAL_S = 0.05


class LlamaCppBackend:
    """One model on llama.cpp. See `registry.Backend`."""

    def __init__(self) -> None:
        llama_logs.install()
        self._loaded: _Loaded | None = None

    def load(self, request: Load, cancel: CancelFlag, emit: Callable[[Event], None]) -> Finished:
        """Load the model; see `registry.Backend`."""
        emit(Loading(0.0))
        sent = time.monotonic()

        def progress(done: float) -> None:
            nonlocal sent
            now = time.monotonic()
            if now - sent >= _LOADING_INTERVAL_S:
                sent = now
                emit(Loading(done))

        graph, trouble = graph_tower.choose(request)
        compares = request.tower is not None and request.tower.compare
        with ExitStack() as undone:
            if graph is not None:
                undone.callback(graph.close)
            try:
                model = LoadedModel(request, cancel, progress, tower=graph is None or compares)
            except LoadCancelled:
                return Finished("cancelled")
            undone.callback(model.close)
            if graph is not None and compares:
                emit(graph_check.compare(model, graph, request))
            self._loaded = _Loaded(request, model, cancel, None if compares else graph)
            undone.pop_all()  # what is loaded closes them
        if graph is not None and compares:
            graph.close()
        emit(Loading(1.0))
        told = (
            self._loaded.format.notice,
            parameters.thread_notice(request),
            trouble,
            trained_questions.notice(request.title, model.questions),
        )
        for notice in told:
            if notice is not None:
                emit(notice)
        info = model.describe(request, self._loaded.format.name, self._loaded.choice)
        emit(Loaded(msgspec.structs.replace(info, can=info.can | self._loaded.format.can)))
        return Finished("done")

    def plan(self, request: Load) -> Planned:
        """Simulate a load; see `registry.Backend`."""
        return simulate(request)

    def generate(
        self, request: Generate, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        """Answer; see `registry.Backend`."""
        if self._loaded is None:
            raise GenerateFailed("No model is loaded", "Load one first.")
        roles = [message.role for message in request.messages]
        if roles[-1:] != [Role.USER] and roles[-2:] != [Role.USER, Role.ASSISTANT]:
            raise GenerateFailed("There is no question at the end", "Ask something.")
        loaded = self._loaded
        try:
            return loaded.answer(request, emit)
        except Unlikely:
            finished = choosing.in_own_words(loaded.answer, request, emit)
            return finished or loaded.answer(request, emit, insist=True)

    def prepare(
        self, request: Prepare, cancel: CancelFlag, emit: Callable[[Event], None]
    ) -> Finished:
        """Read ahead; see `registry.Preparer`."""
        if self._loaded is None:
            return Finished("cancelled")
        return self._loaded.read_ahead(request, emit)

    def measure(self, request: Measure) -> Measured:
        """Tell what pictures take; see `registry.Measurer`."""
        return Measured(() if self._loaded is None else self._loaded.measure(request))

    def keep(self, seconds: float) -> None:
        """Keep the state of the chat; see `registry.Keeper`."""
        if self._loaded is not None:
            self._loaded.keep(seconds)

    def close(self) -> None:
        """Free the model."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None


class _Loaded:
    """A loaded model with all that answers need."""

    def __init__(
        self, request: Load, model: LoadedModel, cancel: CancelFlag, graph: GraphTower | None
    ) -> None:
        self._model = model
        self._name = request.title
        self._cancel = cancel
        self._told: set[str] = set()
        """Pictures of which it was told that the model doesn't see them."""

        self.format = chat_format(request, model)
        pictures = embeddings_on_disk(request, model)
        self._vision: VisionTower = Vision(model, request.image_cache_bytes, pictures)
        if graph is not None:
            self._vision = GraphVision(model, graph, request, pictures)
        self.choice = self._vision.choice() if model.sees else None
        """Least and most tokens of a square picture; None for a model that sees none."""

        self._cache = KvCache(model, self._vision, cancel, request)
        self._prompts = PromptBuilder(
            self.format.template, model.vocabulary, self._vision.layout, self.format.markers
        )
        self._trial = GrammarTrial(model.vocabulary, cancel)
        self._window = Window(self._prompts.build, model.context_size, model.context_trained)
        self._states = states_on_disk(request, model, self._cache, self._prompts)

    def answer(
        self, request: Generate, emit: Callable[[Event], None], *, insist: bool = False
    ) -> Finished:
        """Read the prompt, then decode.

        Args:
            request: The conversation.
            emit: Takes the events.
            insist: Have one of the choices, however unlikely they are.

        Raises:
            Unlikely: None of the choices is what the model would say.
        """
        usual = next(iter(self._model.questions.values()), "")
        messages = trained_questions.worded(request.messages, request.sampling.question or usual)
        messages = self._seen(messages, emit)
        self._tell_choice(messages, request.sampling.detail, emit)
        messages = self._detailed(messages, request.sampling.detail)
        report = TurnReport(emit, messages)

        def tried(tokens: int) -> None:
            if self._cancel.is_set:
                raise Aborted
            report.tried(tokens)

        if self._states is not None:
            self._states.enter(request.chat)
        try:
            self._trial.check(request.sampling.constraint)
            limit = request.sampling.max_tokens
            self._prompts.think(request.sampling.think)
            prompt, dropped = self._window.fit(messages, limit, tried)
        except Aborted:
            return report.finish("cancelled", self._cache.used, self._model.context_size)
        if dropped:
            emit(Trimmed(dropped, _count_images(messages, dropped)))
        if self._states is not None:
            self._states.bring_back(prompt.units)
            self._states.settle()
        kept = self._cache.keep(prompt.units)
        report.prompt(prompt, kept, self._vision)
        reason: FinishReason = "cancelled"
        try:
            settled = 0 if self._model.goes_back else self._prompts.settled(prompt)
            self._cache.prefill(prompt.units, prompt.images, report, settled)
        except Aborted:
            pass
        else:
            reason = self._decode(prompt, request.sampling, report, insist)
        return self._finished(report, reason)

    def read_ahead(self, request: Prepare, emit: Callable[[Event], None]) -> Finished:
        """Read what is certain of the next prompt, then keep what is there of the chat."""
        usual = next(iter(self._model.questions.values()), "")
        messages = (*trained_questions.worded(request.messages[:-1], usual), *request.messages[-1:])
        messages = messages if self._model.sees else _without_images(messages)
        messages = self._detailed(messages, request.detail)
        report = TurnReport(emit, messages)
        reason: FinishReason = "done"
        if self._states is not None:
            self._states.enter(request.chat)
        self._prompts.think(request.think)
        try:
            prompt = certain(self._window.preview, messages)
            if prompt.units and not self._cache.holds(prompt.units):
                if self._states is not None:
                    self._states.bring_back(prompt.units)
                    self._states.settle()
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

    def _finished(self, report: TurnReport, reason: FinishReason) -> Finished:
        finished = report.finish(reason, self._cache.used, self._model.context_size)
        if self._states is not None:
            self._states.measure(finished.stats)
        return finished

    def measure(self, request: Measure) -> tuple[int, ...]:
        """Tokens of pictures, each in its detail."""
        if self.choice is None:
            return ()
        detail = self._detail(request.detail, boxes=request.boxes)
        settled = [self._vision.settled(image, detail) for image in request.images]
        return tuple(count_image_tokens(self._vision.layout(image)) for image in settled)

    def _detail(self, detail: Detail, *, boxes: bool) -> Detail:
        """The detail of a conversation: where boxes are asked of it, Qwen-VL looks closely."""
        finer = boxes and detail == "normal" and self._model.finds_boxes
        return "high" if finer else detail

    def _tell_choice(
        self, messages: tuple[Message, ...], detail: Detail, emit: Callable[[Event], None]
    ) -> None:
        """Tell, once, of a detail that the tower can't have."""
        if self.choice is None or self.choice[0] != self.choice[1] or "detail" in self._told:
            return
        images = [image for message in messages for image in message.images]
        if {image.detail or detail for image in images} - {"normal"}:
            self._told.add("detail")
            emit(_no_choice(self._name, self.choice[0]))

    def _detailed(self, messages: tuple[Message, ...], detail: Detail) -> tuple[Message, ...]:
        """The messages with the tokens that their pictures are going to take."""
        if self.choice is None:
            return messages
        asked = (message.text for message in messages if message.role is Role.USER)
        detail = self._detail(detail, boxes=any(map(asks_for_boxes, asked)))
        return tuple(
            Message(
                message.role,
                tuple(
                    self._vision.settled(part, detail) if isinstance(part, ImagePart) else part
                    for part in message.parts
                ),
            )
            for message in messages
        )

    def _before_question(self, messages: tuple[Message, ...]) -> int:
        """How many units stand before what is being written, which may yet be written otherwise."""
        earlier = messages[:-1] if messages[-1:] and messages[-1].role is Role.USER else messages
        return len(certain(self._window.preview, earlier).units) if earlier else 0

    def _seen(
        self, messages: tuple[Message, ...], emit: Callable[[Event], None]
    ) -> tuple[Message, ...]:
        """The messages as this model sees them: without pictures if it sees none, which is told."""
        images = {image.sha256 for message in messages for image in message.images}
        if not images or self._model.sees:
            return messages
        emit(Unseen(len(images)))
        if not images <= self._told:
            self._told |= images
            emit(_blind(self._name, len(images)))
        return _without_images(messages)

    def keep(self, seconds: float) -> None:
        if self._states is not None:
            self._states.keep(now=True)
            self._states.close(seconds)

    def close(self) -> None:
        if self._states is not None:
            self._states.close()
        self._cache.close()
        self._vision.close()
        self._model.close()

    def _decode(
        self, prompt: Prompt, settings: Sampling, report: TurnReport, insist: bool
    ) -> FinishReason:
        vocabulary = self._model.vocabulary
        stop = (*settings.stop, *self.format.ends)
        budget = thought_budget(settings.think, self._model.parameters)
        spoken = Spoken(prompt, vocabulary, self.format.markers, stop, budget)
        said = [unit for unit in prompt.units if isinstance(unit, int)]
        sampler = Sampler(settings, vocabulary, said)
        sampler.insists = sampler.insists or insist or bool(prompt.begun)
        put_in: deque[int] = deque()
        try:
            while True:
                put_in = put_in or spoken.ending(concludes=self._cancel.concludes)
                forced = bool(put_in)
                if put_in:
                    token = put_in.popleft()
                elif spoken.thinking:
                    token = sampler.sample(self._model.context)
                else:
                    sampler.bind(spoken.begun)
                    sampler.insists = sampler.insists or bool(spoken.tokens)  # it has thought
                    token = sampler.sample_bound(self._model.context, spoken.leads)
                    put_in.extend(spoken.leads[token] if sampler.leads else ())
                if not forced and (vocabulary.ends_turn(token) or token in self.format.end_tokens):
                    reason: FinishReason = "stop"
                    break
                spoken.take(token, report, put_in=forced)
                if (end := self._end(spoken, settings)) is not None:
                    reason = end
                    break
                try:
                    self._cache.append(token)
                except Aborted:
                    reason = "cancelled"
                    break
            complete = sampler.complete
        finally:
            sampler.close()
        spoken.finish(report, self._prompts)
        report.checked(
            unmet(
                settings.constraint,
                prompt.begun + spoken.text.text,
                reason,
                stopped=spoken.text.stopped,
                complete=complete,
            )
        )
        return reason

    def _end(self, spoken: Spoken, settings: Sampling) -> FinishReason | None:
        """Why the answer ends after its newest token, None if it goes on."""
        if spoken.text.stopped:
            return "stop"
        if len(spoken.tokens) == settings.max_tokens:
            return "length"
        if self._cache.used >= self._model.context_size:
            return "context"
        if self._cancel.is_set:
            return "cancelled"
        return None


def _without_images(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(
        msgspec.structs.replace(
            message, parts=tuple(part for part in message.parts if isinstance(part, TextPart))
        )
        for message in messages
    )


def _count_images(messages: tuple[Message, ...], dropped: int) -> int:
    """Pictures in the messages that were left out."""
    system = 1 if messages[0].role is Role.SYSTEM else 0
    return sum(len(message.images) for message in messages[system : system + dropped])


def _no_choice(name: str, tokens: int) -> Notice:
    """What to tell of a detail that can't be had."""
    return Notice(
        "detail",
        f"{name} has no choice of detail: every picture takes {tokens} tokens",
        "To see more, attach a part: @photo.jpg[x,y,width,height], or /crop.",
    )


def _blind(name: str, images: int) -> Notice:
    """What to tell of pictures that a model doesn't see."""
    them = "the picture" if images == 1 else f"the {images} pictures"
    return Notice(
        "pictures",
        f"{name} sees no pictures: it answers without {them} of this chat",
        "A model that sees pictures will see them again. One that should see them needs its mmproj "
        "file: --mmproj.",
    )
