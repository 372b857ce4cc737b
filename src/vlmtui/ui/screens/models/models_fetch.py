"""Downloads on the screen of all models: offered, followed, decided about, stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from vlmtui import units
from vlmtui.models.download.states import State
from vlmtui.ui.screens.dialogs.file_picker import FilePicker
from vlmtui.ui.screens.models.models_table import ModelsList
from vlmtui.ui.widgets.composer.confirm import Confirm

if TYPE_CHECKING:
    from vlmtui.chat.model_choice import Choice


class ModelsFetch(ModelsList):
    """Asks what there is to ask, one thing at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f9", "stop_pull", "Stop the download", id="models.stop_pull")
    ]

    _asked: Confirm | None = None
    """The question that waits for an answer."""

    _asks_for = ""
    """The download that it is about, if it is about one."""

    async def offer_pull(self, row: Choice) -> None:
        if row.name in [state.name for state in self.pulls.running]:
            self.tell("It is downloading; F9 stops it")
            return
        size = f", {'about ' if row.reckoned else ''}{units.size(row.size_bytes)}"
        doubt = "It is too big for this machine as it is now. "
        if await self.ask(
            f"{doubt if row.fit_verdict.word == 'too big' else ''}"
            f"Download {row.name}{size if row.size_bytes else ''}?"
        ):
            self.pulls.start(row.name)
            self.show_rows()

    def pull_moved(self, state: State) -> None:
        """Show how far a download is; at its end what there is now."""
        if state.error is not None:
            self.tell(f"{state.shown}: {state.error.message}. {state.error.hint}", error=True)
        elif state.ended:
            self.tell(f"{state.shown}: {state.words}")
            self.survey()
        self._look_for_questions()
        self.show_rows()

    def action_stop_pull(self) -> None:
        """Stop fetching the model under the cursor, what came is kept; or forget that it failed."""
        row = self.row
        if row is None:
            return
        if self.pulls.forget(row.name):
            self.tell("")
            self.show_rows()
        elif not self.pulls.cancel(row.name):
            self.tell("It is not downloading")

    async def _survey(self) -> None:
        await super()._survey()
        self._look_for_questions()

    def _look_for_questions(self) -> None:
        """Ask what a download waits for; take back what no one waits for any longer."""
        waiting = {state.name: state.question for state in self.pulls.running if state.question}
        for screen in self.app.screen_stack:
            if isinstance(screen, FilePicker):
                if question := waiting.get(screen.wanted):
                    screen.judge(question)
                else:
                    screen.dismiss(None)
                return
        if self._asked is not None and self._asks_for and self._asks_for not in waiting:
            self._asked.answer.cancel()
        if self._asked is not None or not waiting or self.app.screen is not self:
            return
        name, question = next(iter(waiting.items()))
        if question.doubt:
            self.begin(self._settle(name, question.doubt), "doubt")
        else:
            self.app.push_screen(FilePicker(name, question), lambda file: self._decide(name, file))

    async def _settle(self, name: str, doubt: str) -> None:
        yes = await self.ask(f"{name}: {doubt}. Download it anyway?", name)
        self._decide(name, "yes" if yes else None)

    def _decide(self, name: str, answer: str | None) -> None:
        if answer is None:
            self.pulls.cancel(name)
        else:
            self.pulls.answer(name, answer)
        self.call_after_refresh(self._look_for_questions)

    async def ask(self, question: str, download: str = "") -> bool:
        """Ask above the line of keys, in place of an older question, which is cancelled."""
        if self._asked is not None:
            self._asked.answer.cancel()
        self._asked = confirm = Confirm(question)
        self._asks_for = download
        self.tell("")
        self.mount(confirm, before=".status")
        confirm.focus()
        try:
            return await confirm.answer
        finally:
            confirm.remove()
            if self._asked is confirm:
                self._asked = None
                self.line.focus()
                self.call_after_refresh(self._look_for_questions)
