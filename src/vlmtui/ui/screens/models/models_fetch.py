"""Downloads on the screen of all models: offered, followed, decided about, stopped."""

from __future__ import annotations

from collections.abc import Callable
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

    _answered: Callable[[bool], object] | None = None
    _asks_for = ""
    """The download that the question is about, if it is about one."""

    def offer_pull(self, row: Choice) -> None:
        if row.name in [state.name for state in self.pulls.running]:
            self.tell("It is downloading; F9 stops it")
            return
        size = f", {'about ' if row.reckoned else ''}{units.size(row.size_bytes)}"
        doubt = "It is too big for this machine as it is now. "
        self.ask(
            f"{doubt if row.fit_verdict.word == 'too big' else ''}"
            f"Download {row.name}{size if row.size_bytes else ''}?",
            lambda yes: self._start(row.name) if yes else None,
        )

    def _start(self, name: str) -> None:
        self.pulls.start(name)
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
        if self._asks_for and self._asks_for not in waiting:
            self._asks_for, self._answered = "", None
            self.query(Confirm).remove()
            self.line.focus()
        if self._answered is not None or not waiting or self.app.screen is not self:
            return
        name, question = next(iter(waiting.items()))
        if question.doubt:
            self.ask(
                f"{name}: {question.doubt}. Download it anyway?",
                lambda yes: self._decide(name, "yes" if yes else None),
            )
            self._asks_for = name
        else:
            self.app.push_screen(FilePicker(name, question), lambda file: self._decide(name, file))

    def _decide(self, name: str, answer: str | None) -> None:
        if answer is None:
            self.pulls.cancel(name)
        else:
            self.pulls.answer(name, answer)
        self.call_after_refresh(self._look_for_questions)

    def ask(self, question: str, answered: Callable[[bool], object]) -> None:
        """Ask above the line of keys, in place of an older question."""
        self._asks_for, self._answered = "", answered
        self.tell("")
        self.query(Confirm).remove()
        confirm = Confirm(question, self._confirmed)
        self.mount(confirm, before=".said")
        confirm.focus()

    def _confirmed(self, yes: bool) -> None:
        """Do what was asked about, or don't."""
        answered, self._answered, self._asks_for = self._answered, None, ""
        self.line.focus()
        if answered is not None:
            answered(yes)
        self.call_after_refresh(self._look_for_questions)
