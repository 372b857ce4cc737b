"""The conversation: loads the model, asks turn by turn, and hands what comes to the output."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from vlmtui.ask.output import JsonOutput, Output, Progress, TextOutput
from vlmtui.ask.question import Pictures, Question
from vlmtui.ask.turn import LoadedAs, Turn
from vlmtui.chat import consent
from vlmtui.chat.fitting_engine import FittingEngine
from vlmtui.commands.event_words import no_answer, thinking_ignored
from vlmtui.engine.base import Engine
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Event, Loaded, Notice
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling, Think
from vlmtui.engine.event_thread import EventThread
from vlmtui.engine.logs import log_or_temporary
from vlmtui.errors import GenerateFailed, ImageError, InvalidAnswer
from vlmtui.messages import Message, assistant, system, user
from vlmtui.settings import keep_alive_seconds, load_settings
from vlmtui.standard_output import ReaderGone

if TYPE_CHECKING:  # the database: not needed for most questions
    from vlmtui.ask.saved_chat import SavedChat

_CANCEL_TIMEOUT_S = 3.0
"""A cancel takes effect within one prefill batch; a board that needs longer is not waited for."""


def answer(
    question: Question,
    engine: Engine | None = None,
    *,
    confirm: Callable[[str], bool] | None = None,
) -> bool:
    """Answer a question on standard output.

    Args:
        question: What is asked, of which model.
        engine: Answers instead of an engine process of our own; it is closed at the end.
        confirm: Asks the user whether words may go to another machine; None where nobody can be
            asked.

    Returns:
        Whether it was answered; False when it was interrupted.

    Raises:
        InputError: The question, a picture or the model can't be used.
        EngineError: The engine failed.
        SettingsError: The settings file is wrong.
    """
    settings = load_settings()
    sampling = question.sampling(settings)
    texts = question.texts()
    load = question.load(settings)
    consent.settle(load, confirm)
    progress = Progress(wanted=not question.plain, thought=question.thought)
    as_json = question.as_json
    output = JsonOutput(load.name, array=bool(question.then)) if as_json else TextOutput(progress)
    with ExitStack() as cleanup:
        cleanup.callback(progress.clear)
        pictures = cleanup.enter_context(Pictures())
        if engine is None:
            engine = FittingEngine(
                EngineClient(log_or_temporary(cleanup), keep_alive_seconds(settings))
            )
        cleanup.callback(engine.close)
        conversation = _Conversation(engine, output, progress)
        saved = cleanup.enter_context(closing(question.saved())) if question.is_saved else None
        try:
            first = user(texts[0], tuple(pictures.part(path) for path in question.images))
            asked = (first, *(user(text) for text in texts[1:]))
            if not conversation.load(load, sight=bool(question.images)):
                return False
            conversation.note_ignored_thinking(question.think or "auto")
            preset = question.system_prompt(settings)
            if saved is not None and saved.system is not None:
                preset = saved.system
            return conversation.ask(preset, asked, sampling, saved)
        except ImageError as error:
            raise pictures.as_named(error) from None
        except ReaderGone:
            # whoever read has enough: not a failure
            return True


class _Conversation:
    """Turns of one conversation, one after the other."""

    def __init__(self, engine: Engine, output: Output, progress: Progress) -> None:
        self._engine = engine
        self._output = output
        self._progress = progress
        self._load_s = 0.0
        self._model: LoadedAs

    def load(self, request: Load, *, sight: bool) -> bool:
        """Load the model; False when that was interrupted.

        Raises:
            GenerateFailed: It sees no pictures, and is going to be asked about some.
        """
        self._model = LoadedAs(request)
        stream = EventThread(self._engine.load(request))
        try:
            for event in stream:
                self._progress.event(event)
                self._model.take(event)
                if isinstance(event, Loaded):
                    self._load_s = event.info.load_s
                    if sight and not event.info.vision:
                        raise GenerateFailed(
                            f"{request.title} sees no pictures",
                            "Give the model's mmproj file with --mmproj, or choose another model."
                            if isinstance(request.source, Files)
                            else "Choose another model.",
                        )
        except KeyboardInterrupt:
            self._engine.cancel()
            for _ in stream.rest(_CANCEL_TIMEOUT_S):
                pass
            return False
        return True

    def note_ignored_thinking(self, think: Think) -> None:
        """Say where the model can't do what it is told of thinking."""
        if said := thinking_ignored(self._engine.info, think):
            notice = Notice("template", said)
            self._progress.event(notice)
            self._model.take(notice)

    def ask(
        self,
        preset: str,
        asked: tuple[Message, ...],
        sampling: Sampling,
        saved: SavedChat | None = None,
    ) -> bool:
        """Ask turn by turn; False when that was interrupted.

        What goes before, and where it is all kept, is `saved`; without it nothing is kept.
        """
        messages = [system(preset)] if preset.strip() else []
        if saved is not None:
            messages += saved.before()
            asked = tuple(map(saved.own, asked))
        turn: Turn | None = None
        for message in asked:
            messages.append(message)
            pictures = tuple(image for earlier in messages for image in earlier.images)
            turn = Turn(
                pictures,
                before=turn,
                load_s=self._load_s,
                model=self._model,
                constraint=sampling.constraint,
            )
            self._load_s = 0.0
            whole = self._answer(Generate(tuple(messages), sampling), turn)
            self._output.end(turn)
            if saved is not None:
                saved.keep(message, turn, self._model.name)
            if not whole or turn.invalid is not None:
                break
            if turn.thought and not turn.text.strip():
                self._output.close()
                said = no_answer(turn.reason, "--think ")
                raise GenerateFailed(said.message, said.advice)
            messages.append(assistant(turn.text, turn.thought))
        self._output.close()
        if whole and turn is not None and turn.invalid is not None:
            raise InvalidAnswer(turn.invalid.message, turn.invalid.hint)
        return whole

    def _answer(self, request: Generate, turn: Turn) -> bool:
        """One turn; False when it was interrupted."""
        stream = EventThread(self._engine.generate(request))
        try:
            for event in stream:
                self._take(event, turn)
        except KeyboardInterrupt:
            self._engine.cancel()
            for event in stream.rest(_CANCEL_TIMEOUT_S):
                self._take(event, turn)
            return False
        except BaseException:
            # the terminal's line is whole again before anybody writes an error
            self._output.abandon()
            raise
        return True

    def _take(self, event: Event, turn: Turn) -> None:
        self._progress.event(event)
        self._model.take(event)
        if delta := turn.take(event):
            self._output.delta(delta)
