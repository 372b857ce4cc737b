"""Writing on the chat screen: what was asked before, the user's own editor, the system prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import SuspendNotSupported

from vlmtui.commands import specs
from vlmtui.commands.outcomes import Choice, EditQuestion, OpenEditor, SystemPrompt, WriteAgain
from vlmtui.errors import VlmtuiError
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key
from vlmtui.ui.widgets.composer.composer import Composer

if TYPE_CHECKING:
    from vlmtui.compose.question_walk import History
    from vlmtui.messages import Message
    from vlmtui.storage.prompts import Asked  # brings the database

_PAGE = 50
"""Questions that are fetched at a time while walking back."""


class WritingTopic(Topic):
    """What helps to write a message, or the system prompt."""

    BINDINGS = (
        key("ctrl+r", "history", "Search earlier questions"),
        key("ctrl+g", "editor", "Write in your editor"),
    )

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._history: History | None = None
        chat.actions["history"] = chat.commands.dialogs["history"] = lambda: chat.start(
            self._show_asked(), "history"
        )
        chat.actions["editor"] = chat.commands.dialogs["editor"] = self._edit
        chat.commands.shows[WriteAgain] = lambda again: self._write_again(again.message)
        chat.commands.shows[OpenEditor] = self._open_editor
        chat.commands.shows[SystemPrompt] = self._edit_system
        chat.handlers[Composer.RecallWanted].append(self._recall)
        chat.handlers[events.Mount].append(self._mounted)

    def _mounted(self, _: events.Mount) -> None:
        self.chat.prompt.completion.choices = self._choices

    # ------------------------------------------------------------------ asked before

    def _recall(self, event: Composer.RecallWanted) -> None:
        from vlmtui.compose.question_walk import History

        text = self.chat.prompt.text
        if self._history is None or text != self.chat.prompt.composer.recalled:
            self._history = History(text)
        history = self._history
        if event.step > 0:
            self.chat.prompt.recall(history.newer())
        elif not self._step_back(history):
            self.chat.start(self._read_on(history), "history")

    def _step_back(self, history: History) -> bool:
        """Recall the question before; False where it has to be read first."""
        if (message := history.older()) is not None:
            self.chat.prompt.recall(message)
        elif history.complete:
            self.chat.prompt.say("There is no earlier question")
        else:
            return False
        return True

    async def _read_on(self, history: History) -> None:
        asked = await self._asked(_PAGE, history.oldest)
        if history is self._history:
            history.extend(asked, complete=len(asked) < _PAGE)
            self._step_back(history)

    async def _asked(self, limit: int, before: int | None = None) -> Sequence[Asked]:
        return await self.chat.on_session(
            lambda session: session.questions.asked_before(limit, before)
        )

    async def _show_asked(self) -> None:
        from vlmtui.commands import writing_commands
        from vlmtui.ui.screens.dialogs.question_history import HistoryScreen

        asked = await self._asked(writing_commands.SEARCHED)
        if not asked:
            self.chat.prompt.say("There are no earlier questions")
            return
        messages = {str(each.message_id): each.message for each in asked}

        def take(message_id: str | None) -> None:
            self.chat.prompt.focus_composer()
            if message_id is not None:
                self._write_again(messages[message_id])

        self.chat.screen.app.push_screen(HistoryScreen(asked), take)

    def _write_again(self, message: Message) -> None:
        self._history = None
        self.chat.prompt.write_again(message)

    # ------------------------------------------------------------------ the user's own editor

    def _edit(self) -> None:
        self._edit_text(self.chat.prompt.draft.text)

    async def _open_editor(self, editor: OpenEditor) -> None:
        if editor.edits is None:
            self._edit_text(editor.text)
        else:
            await self.chat.commands.show(EditQuestion(editor.edits))
            self._edit()

    def _edit_text(self, text: str) -> None:
        """Have a text edited for the composer; the terminal is the editor's meanwhile."""
        from vlmtui.compose import external_editor

        prompt = self.chat.prompt
        try:
            with self.chat.screen.app.suspend():
                edited = external_editor.edit(text)
        except VlmtuiError as error:
            self.chat.complain(error)
        except SuspendNotSupported:
            prompt.say("This terminal can't be given to an editor", error=True)
        else:
            if edited != prompt.draft.text:
                prompt.text = edited
        prompt.focus_composer()

    def _edit_system(self, prompt: SystemPrompt) -> None:
        from vlmtui.commands.settings_commands import set_system
        from vlmtui.ui.screens.dialogs.text_editor import TextEditor

        def take(text: str | None) -> None:
            if text is not None and text != prompt.text:
                changed = self.chat.commands.change(lambda context: set_system(context, text))
                self.chat.start(changed, "command system")

        editor = TextEditor("System prompt of this chat", prompt.text, "None")
        self.chat.screen.app.push_screen(editor, take)

    # ------------------------------------------------------------------ arguments of commands

    def _choices(self, command: str) -> Sequence[Choice]:
        """What the argument of a command can be; blocks."""
        from vlmtui.commands import verbs

        spec = specs.find(command)
        if (known := self.chat.commands.choices.get(command)) is not None:
            return known()
        if spec is not None and spec.topic:
            return verbs.choices(spec, self.chat.commands.context())
        return ()
