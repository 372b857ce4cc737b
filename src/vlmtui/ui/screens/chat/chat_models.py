"""Models on the chat screen: chosen from what is installed, exchanged while the chat goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui import printable, units
from vlmtui.chat.events import GoingBack
from vlmtui.commands import outcomes
from vlmtui.engine.base import Adjusted, Finished, Loaded, Loading
from vlmtui.errors import SwitchFailed, VlmtuiError
from vlmtui.stats.engine_state import EngineState, Phase, exchanging, idle
from vlmtui.ui.screens.chat.chat_archive import ChatArchive
from vlmtui.ui.screens.chat.chat_messages import ChatMessages
from vlmtui.ui.screens.chat.chat_pulls import ChatPulls
from vlmtui.ui.screens.chat.chat_work import ChatWork

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.chat.shelf import Shelf
    from vlmtui.models.download.states import State
    from vlmtui.ui.screens.dialogs.chooser import Choice
    from vlmtui.ui.screens.models.model_picker import ModelPicker

_NAME = 40
"""Longest name of a model in a sentence, in characters."""


class SwitchBegan(msgspec.Struct, frozen=True):
    """The model that answers is going to be exchanged."""

    model: str
    number: int


class SwitchEnded(msgspec.Struct, frozen=True):
    """An exchange is over, however it ended."""

    model: str
    """The one that answers now."""

    number: int
    error: VlmtuiError | None = None
    cancelled: bool = False
    same: bool = False
    """It was the model that answers already."""


class ChatModels(ChatMessages, ChatPulls):
    """Choosing another model."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "pick_model", "Choose the model", id="chat.model", priority=True)
    ]

    _switches = 0
    _switching = False
    _before: EngineState | None = None
    """The figures from before an exchange, until something of it has happened."""

    _then: Callable[[], object] | None = None
    _shelf_of_this: Shelf | None = None

    class ModelsFound(Message):
        """The models on this machine."""

        def __init__(self, picker: ModelPicker, rows: Sequence[Choice]) -> None:
            super().__init__()
            self.picker = picker
            self.rows = rows

    class ModelsJudged(Message):
        """How some of them would fit, a word for each name."""

        def __init__(self, picker: ModelPicker, verdicts: Mapping[str, str]) -> None:
            super().__init__()
            self.picker = picker
            self.verdicts = verdicts

    class SurveyFailed(Message):
        """The models can't be listed."""

        def __init__(self, picker: ModelPicker, error: VlmtuiError) -> None:
            super().__init__()
            self.picker = picker
            self.error = error

    class SmallerFound(Message):
        """What could be had that fits, in words."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    # ------------------------------------------------------------------ choosing

    def action_pick_model(self, then: Callable[[], object] | None = None) -> None:
        """Choose the model that answers from a list.

        Args:
            then: Done once the chosen model is loaded.
        """
        if self.app.screen is not self:
            return
        if self._turn:
            self.prompt.say("An answer is on its way", "Esc stops it")
            return
        from vlmtui.ui.screens.models.model_picker import ModelPicker

        def take(name: str | None) -> None:
            if name == ModelPicker.ALL:
                self._show_models(then)
            elif name is not None:
                self.switch_to(name, then)

        picker = ModelPicker(self.engine_state.model)
        self.app.push_screen(picker, take)
        self._find_models(picker)

    def retry_with(self, message_id: int) -> None:
        """Have a question answered again by a model that is chosen now."""
        self.action_pick_model(then=lambda: self.regenerate(message_id))

    def command_model(self, name: str) -> None:
        """Have the chat answered by another model, from a list when none is named."""
        if name:
            self.switch_to(name)
        else:
            self.action_pick_model()

    def command_models(self, _: str) -> None:
        """Show all models, also those that could be had."""
        self._show_models()

    def _show_models(self, then: Callable[[], object] | None = None) -> None:
        from vlmtui.ui.screens.models.models_screen import ModelsScreen

        def take(name: str | None) -> None:
            if name is not None:
                self.switch_to(name, then)

        screen = ModelsScreen(lambda: self._shelf, self.engine_state.model, self.pulls)
        self.app.push_screen(screen, take)

    def show_pulls(self, state: State) -> bool:
        """Show it on the screen of all models, too, while that is open."""
        from vlmtui.ui.screens.models.models_screen import ModelsScreen

        listing = [screen for screen in self.app.screen_stack if isinstance(screen, ModelsScreen)]
        for screen in listing:
            screen.pull_moved(state)
        return bool(listing)

    def choices_model(self) -> list[outcomes.Choice]:
        """The models by name; blocks."""
        from vlmtui.stats.model_details import about

        return [outcomes.Choice(model.name, about(model)) for model in self._shelf.survey().models]

    @property
    def _shelf(self) -> Shelf:
        """What knows the models; imports and blocks."""
        if self._shelf_of_this is None:
            self._shelf_of_this = self.open_shelf()
        return self._shelf_of_this

    @work(thread=True, exclusive=True, group="models", exit_on_error=False)
    def _find_models(self, picker: ModelPicker) -> None:
        from vlmtui.stats.model_details import about
        from vlmtui.ui.screens.dialogs.chooser import Choice

        try:
            demo, *others = self._shelf.survey().models
            models = (demo, *sorted(others, key=lambda model: model.name.lower()))
            rows = [Choice(model.name, model.name, about(model)) for model in models]
            self.post_message(self.ModelsFound(picker, rows))
            machine = self._shelf.machine()
            for model in models:
                verdict = self._shelf.outlook(model, machine).word
                self.post_message(self.ModelsJudged(picker, {model.name: verdict}))
        except VlmtuiError as error:
            self.post_message(self.SurveyFailed(picker, error))

    @on(ModelsFound)
    def _models_found(self, event: ModelsFound) -> None:
        event.stop()
        if event.picker.is_attached:
            event.picker.offer(event.rows)

    @on(ModelsJudged)
    def _models_judged(self, event: ModelsJudged) -> None:
        event.stop()
        if event.picker.is_attached:
            event.picker.judge(event.verdicts)

    @on(SurveyFailed)
    def _survey_failed(self, event: SurveyFailed) -> None:
        event.stop()
        if event.picker.is_attached:
            event.picker.dismiss(None)
        self.prompt.say(event.error.message, event.error.hint, error=True)

    # ------------------------------------------------------------------ exchanging

    def switch_to(self, name: str, then: Callable[[], object] | None = None) -> None:
        """Have the chat answered by another model; it is loaded in the background.

        Args:
            name: Its name, or the path of its file.
            then: Done once it is loaded.
        """
        if self._turn:
            self.prompt.say("An answer is on its way", "Esc stops it")
            return
        self.prompt.say()
        self._then = then
        self._switches += 1
        self._switch(name, self._switches)

    @work(thread=True, exclusive=True, group="switch", exit_on_error=False)
    def _switch(self, name: str, number: int) -> None:
        session = self._session
        error: VlmtuiError | None = None
        cancelled = same = False
        try:
            load = self._shelf.load(name)
            same = load == session.load_request and self.engine_state.info is not None
            if not same:
                self._inbox.put(SwitchBegan(load.name, number))
                for event in session.switch(load):
                    if isinstance(event, Finished):  # it would look like the end of a turn
                        cancelled = event.reason == "cancelled"
                    else:
                        self._inbox.put(event)
        except VlmtuiError as failure:
            error = failure
        now = session.load_request.name
        self._inbox.put(SwitchEnded(now, number, error, cancelled, same))

    def stop_loading(self) -> bool:
        """Stop the load or the exchange that is going on; False when there is none."""
        if self._turn or self.engine_state.phase is not Phase.LOADING:
            return False
        if self._before is None and not self._switching:
            self.prompt.say("Loading is stopped", "The next question loads the model")
        self.cancel_turn()
        return True

    async def _react(self, item: object) -> None:
        match item:
            case SwitchBegan(model=model):
                self._switching = True
                self._before = self.engine_state
                self.engine_state = exchanging(self.engine_state, model)
            case GoingBack(model=model):
                self._before = None
                self.engine_state = exchanging(self.engine_state, model)
            case SwitchEnded(number=number) if number == self._switches:
                await self._switched(item)
            case SwitchEnded():
                return  # another one has taken its place
            case Adjusted(changes=""):
                await super()._react(item)
                self._find_smaller()
            case _:
                if isinstance(item, Loading | Loaded):
                    self._before = None
                await super()._react(item)

    @work(thread=True, exclusive=True, group="models", exit_on_error=False)
    def _find_smaller(self) -> None:
        """Look for a model that would fit, since nothing makes this one do so."""
        try:
            self.post_message(self.SmallerFound(self._shelf.instead()))
        except VlmtuiError:
            return  # that memory is short was told

    @on(SmallerFound)
    def _propose(self, event: SmallerFound) -> None:
        event.stop()
        if event.words:
            self.prompt.say("Memory is short", event.words)

    async def _switched(self, ended: SwitchEnded) -> None:
        self._switching = False
        then, self._then = self._then, None
        before, self._before = self._before, None
        engine_state = msgspec.structs.replace(before or self.engine_state, model=ended.model)
        self.engine_state = engine_state if self._turn else idle(engine_state)
        self.chat = self._session.chat
        name = printable.line(ended.model, _NAME)
        if isinstance(ended.error, SwitchFailed):
            await self._tell_failure(ended.error, name)
        elif ended.error is not None:
            self.prompt.say(ended.error.message, ended.error.hint, error=True)
        elif ended.cancelled:
            self.prompt.say("Loading was stopped", f"{name} answers, as before")
        elif not self._turn:
            since = "already" if ended.same else "from now on"
            self.prompt.say(f"{name} answers {since}", _what_it_is(self.engine_state))
            if then is not None:
                then()

    async def _tell_failure(self, error: SwitchFailed, old: str) -> None:
        """Say why the new model is not there, and which one is."""
        if error.back:
            now = f"{old} is loaded again and answers"
        else:
            now = f"No model is loaded; the next question tries {old}"
        await self.transcript.tell(
            f"{printable.line(error.model, _NAME)} can't be used: {error.message}",
            error.hint,
            f"{now}\n{self._circumstances(error.__cause__)}".strip(),
            error=True,
        )

    # ------------------------------------------------------------------ chats of other models

    @on(ChatArchive.ChatOpened)
    @on(ChatWork.Restored)
    def _look_who_answered(self) -> None:
        self.call_next(self._tell_who_answered)

    def _tell_who_answered(self) -> None:
        before = self.chat.model if self.chat is not None else None
        if before and before != self.engine_state.model:
            name = printable.line(before, _NAME)
            self.prompt.say(f"This chat was answered by {name}", f"/model {name} switches to it")


def _what_it_is(engine_state: EngineState) -> str:
    if engine_state.info is None:
        return ""
    sight = "" if engine_state.info.vision else ", sees no pictures"
    return f"{units.size(engine_state.info.size_bytes)}{sight}"
