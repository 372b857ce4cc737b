"""Models on the chat screen: chosen from what is installed, exchanged while the chat goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from vlmtui import crash_log
from vlmtui.chat.chat_events import GoingBack
from vlmtui.chat.comparison import Exchanged, Exchanging
from vlmtui.commands import model_commands
from vlmtui.commands.outcomes import Switch
from vlmtui.commands.specs import slashed
from vlmtui.engine.base import up_to_finished
from vlmtui.engine.engine_events import Adjusted, Loaded, Loading
from vlmtui.errors import SwitchFailed, VlmtuiError
from vlmtui.stats.engine_progress import exchanging, idle
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.pulls_topic import PullsTopic
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.ui.screens.models.model_picker import ModelPicker

    Then = Callable[[], object]


class ModelsTopic(Topic):
    """Who answers."""

    BINDINGS = (key("f2", "model", "Choose the model"),)

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._pulls = PullsTopic(chat)
        self._switches = 0
        self._switching = False
        self._before: EngineState | None = None
        """The state from before an exchange, until something of it has happened."""

        chat.actions["model"] = chat.commands.dialogs["model"] = self._pick
        chat.actions["retry_with"] = lambda message_id: self._pick(
            lambda: chat.commands.do("regen", f"#{message_id}")
        )
        chat.commands.dialogs["models"] = self._show_all
        chat.commands.shows[Switch] = self._switch
        chat.stops.append(self._stop_loading)
        chat.handlers[Exchanging].append(self._exchanging)
        chat.handlers[Exchanged].append(lambda event: self._exchanged(event.model))
        chat.handlers[GoingBack].append(self._going_back)
        chat.handlers[Loading].append(self._happens)
        chat.handlers[Loaded].append(self._happens)
        chat.handlers[Adjusted].append(self._adjusted)

    # ------------------------------------------------------------------ choosing

    def _pick(self, then: Then | None = None) -> None:
        """Choose from a list; `then` is done once the chosen model is loaded."""
        if self.chat.screen.app.screen is self.chat.screen and not self.chat.must_wait():
            self.chat.start(self._offer(then), "models")

    async def _offer(self, then: Then | None) -> None:
        from vlmtui.ui.screens.models.model_picker import ModelPicker

        def take(name: str | None) -> None:
            if name == ModelPicker.ALL:
                self._show_all(then)
            elif name is not None:
                self._choose(name, then)

        picker = ModelPicker(self.chat.screen.engine_state.model)
        await self.chat.screen.app.push_screen(picker, take)
        try:
            await self._fill(picker)
        except Exception:
            if picker.is_attached:
                picker.dismiss(None)
            raise

    async def _fill(self, picker: ModelPicker) -> None:
        from vlmtui.stats.model_details import about

        available_models = await in_thread(self.chat.available_models)
        demo, *others = (await in_thread(available_models.survey)).models
        models = (demo, *sorted(others, key=lambda model: model.name.lower()))
        served = await in_thread(available_models.served)
        rows = {model.name: about(model) for model in models}
        rows |= {each.name: f"on {each.server.host}" for each in served}
        verdicts = {each.name: "server" for each in served}
        picker.offer(rows, verdicts)
        if found := await in_thread(available_models.served_here):
            rows |= {each.name: "found on this machine" for each in found}
            verdicts |= {each.name: "server" for each in found}
            picker.offer(rows, verdicts)
        machine = await in_thread(available_models.machine)
        for model in models:
            fit_verdict = await in_thread(partial(available_models.fit_verdict, model, machine))
            if not picker.is_attached:
                return
            verdicts[model.name] = fit_verdict.word
            picker.offer(rows, verdicts)

    def _show_all(self, then: Then | None = None) -> None:
        """Show all models, also those that could be had."""
        from vlmtui.ui.screens.models.models_screen import ModelsScreen

        def take(name: str | None) -> None:
            if name is not None:
                self._choose(name, then)

        current = self.chat.screen.engine_state.model
        screen = ModelsScreen(self.chat.available_models, current, self._pulls.pulls)
        self.chat.screen.app.push_screen(screen, take)

    # ------------------------------------------------------------------ exchanging

    def _choose(self, name: str, then: Then | None) -> None:
        async def switch() -> None:
            outcome = await self.chat.commands.done(
                lambda context: model_commands.model(context, name)
            )
            if isinstance(outcome, Switch):
                await self._switch(outcome, then)
            else:
                await self.chat.commands.show(outcome)

        self.chat.start(switch(), "command model")

    async def _switch(self, switch: Switch, then: Then | None = None) -> None:
        """Switch to another model, loaded in the background; `then` is done once it is there."""
        if not self.chat.must_wait():
            self.chat.prompt.say()
            self._switches += 1
            exchange = self._exchange(switch, self._switches, then)
            self.chat.start(exchange, "switch", exclusive=False)

    async def _exchange(self, switch: Switch, number: int, then: Then | None) -> None:
        session = self.chat.session()
        loaded = self.chat.screen.engine_state.info is not None
        switch = msgspec.structs.replace(switch, same=switch.same and loaded)
        cancelled = False
        error: VlmtuiError | None = None

        def events() -> Iterator[object]:
            nonlocal cancelled
            yield Exchanging(switch.load.name)
            ended = yield from up_to_finished(session.switch(switch.load))  # no end of a turn
            cancelled = ended is not None and ended.reason == "cancelled"

        if not switch.same:
            try:
                await self.chat.stream.follow(events)
            except Exception as failure:
                error = crash_log.recorded(failure)
        if number != self._switches or self.chat.left:
            return  # another one has taken its place
        self._exchanged(session.model.request.name)
        if error is not None:
            await self._tell_failure(error)
        elif cancelled or not self.chat.busy:
            info = self.chat.screen.engine_state.info
            context = self.chat.commands.context()
            outcome = model_commands.switched(context, switch, info, cancelled=cancelled)
            await self.chat.commands.show(outcome)
            if then is not None and not cancelled:
                then()

    async def _tell_failure(self, error: VlmtuiError) -> None:
        """Say why the new model is not there, and which one is."""
        if not isinstance(error, SwitchFailed):
            self.chat.complain(error)
            return
        failure = model_commands.not_switched(self.chat.commands.context(), error)
        details = self.chat.circumstances(error.__cause__)
        await self.chat.transcript.tell(failure.message, slashed(failure.hint), details, error=True)

    def _exchanging(self, event: Exchanging) -> None:
        self._switching = True
        self._before = self.chat.screen.engine_state
        self.chat.screen.engine_state = exchanging(self._before, event.model)

    def _going_back(self, event: GoingBack) -> None:
        self._before = None
        self.chat.screen.engine_state = exchanging(self.chat.screen.engine_state, event.model)

    def _happens(self, _: Loading | Loaded) -> None:
        self._before = None

    def _exchanged(self, model: str) -> None:
        """An exchange is over, however it ended; `model` answers now."""
        screen = self.chat.screen
        self._switching = False
        before, self._before = self._before, None
        state = msgspec.structs.replace(before or screen.engine_state, model=model)
        screen.engine_state = state if self.chat.busy else idle(state)
        screen.chat = self.chat.session().chat

    # ------------------------------------------------------------------ loading

    def _stop_loading(self) -> bool:
        """Stop the load or the exchange that is going on; False when there is none."""
        if self.chat.busy or self.chat.screen.engine_state.phase is not Phase.LOADING:
            return False
        if self._before is None and not self._switching:
            self.chat.prompt.say("Loading is stopped", "The next question loads the model")
        self.chat.cancel()
        return True

    def _adjusted(self, event: Adjusted) -> None:
        if not event.changes:
            self.chat.start(self._propose_smaller(), "smaller")

    async def _propose_smaller(self) -> None:
        """Look for a model that would fit, since nothing makes this one do so."""
        try:
            words = await in_thread(lambda: self.chat.available_models().instead())
        except VlmtuiError:
            return  # that memory is short was told
        if words:
            self.chat.prompt.say("Memory is low", words)
