"""Writing on the chat screen: what was asked before, the user's own editor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui.commands import outcomes
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.ui.screens.chat.chat_turns import ChatTurns
from vlmtui.ui.widgets.composer.prompt_area import Prompt

if TYPE_CHECKING:
    from vlmtui.compose.question_walk import History
    from vlmtui.storage.prompts import Asked  # brings the database

_PAGE = 50
"""Questions that are fetched at a time while walking back."""

_SEARCHED = 2000
"""Questions, from the last one, in which one is searched for."""


class ChatWriting(ChatTurns):
    """What helps to write a message."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "find_asked", "Search what was asked", id="chat.history", priority=True),
        Binding("ctrl+g", "edit_text", "Write in your editor", id="chat.editor", priority=True),
    ]

    _history: History | None = None

    class AskedBefore(Message):
        """Questions from the store, for a step back or for the list."""

        def __init__(self, asked: Sequence[Asked], limit: int, history: History | None) -> None:
            super().__init__()
            self.asked = asked
            self.complete = len(asked) < limit
            self.history = history

    class HistoryFailed(Message):
        """The questions can't be read."""

        def __init__(self, error: StorageError) -> None:
            super().__init__()
            self.error = error

    class ChoicesFound(Message):
        """What the argument of a command can be."""

        def __init__(
            self, wanted: Prompt.ChoicesWanted, choices: Sequence[outcomes.Choice]
        ) -> None:
            super().__init__()
            self.wanted = wanted
            self.choices = choices

    # ------------------------------------------------------------------ asked before

    def on_prompt_recall_wanted(self, event: Prompt.RecallWanted) -> None:
        """Go back or forth in what was asked."""
        from vlmtui.compose.question_walk import History

        if event.first or self._history is None:
            self._history = History(self.prompt.text)
        history = self._history
        if event.step > 0:
            self.prompt.recall(history.newer())
        elif (message := history.older()) is not None:
            self.prompt.recall(message)
        elif history.complete:
            self.prompt.say("Nothing was asked before this")
        else:
            self._fetch_asked(_PAGE, history)

    @work(thread=True, exclusive=True, group="history", exit_on_error=False)
    def _fetch_asked(self, limit: int, history: History | None) -> None:
        before = history.oldest if history is not None else None
        try:
            asked = self._session.asked_before(limit, before)
        except StorageError as error:
            self.post_message(self.HistoryFailed(error))
        else:
            self.post_message(self.AskedBefore(asked, limit, history))

    def on_chat_writing_asked_before(self, event: AskedBefore) -> None:
        """Take the step that waited for these, or show them as a list."""
        if event.history is None:
            self._show_asked(event.asked)
        elif event.history is self._history:
            self._history.extend(event.asked, complete=event.complete)
            message = self._history.older()
            if message is None:
                self.prompt.say("Nothing was asked before this")
            else:
                self.prompt.recall(message)

    def on_chat_writing_history_failed(self, event: HistoryFailed) -> None:
        """Tell it in place."""
        self.prompt.say(event.error.message, event.error.hint, error=True)

    def action_find_asked(self) -> None:
        """Search in what was asked."""
        self._fetch_asked(_SEARCHED, None)

    def _show_asked(self, asked: Sequence[Asked]) -> None:
        from vlmtui.ui.screens.dialogs.question_history import HistoryScreen

        if not asked:
            self.prompt.say("Nothing was asked yet")
            return
        messages = {str(each.message_id): each.message for each in asked}

        def take(message_id: str | None) -> None:
            self.prompt.focus_composer()
            if message_id is not None:
                self._history = None
                self.prompt.write_again(messages[message_id])

        self.app.push_screen(HistoryScreen(asked), take)

    def command_history(self, _: str) -> None:
        """Search in what was asked."""
        self.action_find_asked()

    # ------------------------------------------------------------------ the user's own editor

    def action_edit_text(self) -> None:
        """Have the text edited; the terminal belongs to the editor meanwhile."""
        from vlmtui.compose import external_editor

        text = self.prompt.draft.text
        try:
            with self.app.suspend():
                edited = external_editor.edit(text)
        except VlmtuiError as error:
            self.prompt.say(error.message, error.hint, error=True)
        except SuspendNotSupported:
            self.prompt.say("This terminal can't be given to an editor", error=True)
        else:
            if edited != text:
                self.prompt.text = edited
        self.prompt.focus_composer()

    def command_editor(self, _: str) -> None:
        """Have the text edited."""
        self.action_edit_text()

    # ------------------------------------------------------------------ arguments of commands

    def on_prompt_choices_wanted(self, event: Prompt.ChoicesWanted) -> None:
        """Find out what an argument can be."""
        self._find_choices(event)

    @work(thread=True, exclusive=True, group="choices", exit_on_error=False)
    def _find_choices(self, event: Prompt.ChoicesWanted) -> None:
        try:
            choices = self.choices_of(event.fragment.command)
        except VlmtuiError:
            return  # the command itself tells, when it is given
        self.post_message(self.ChoicesFound(event, choices))

    def choices_of(self, command: str) -> Sequence[outcomes.Choice]:
        """What the argument of a command can be; blocks. The screen knows."""
        raise NotImplementedError

    def on_chat_writing_choices_found(self, event: ChoicesFound) -> None:
        """Offer them."""
        self.prompt.offer(event.wanted.fragment, event.choices, event.wanted.tab)
