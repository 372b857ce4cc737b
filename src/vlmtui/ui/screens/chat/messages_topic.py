"""Messages on the chat screen: answered again, continued, edited, deleted, looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui.commands.message_actions import BY_NAME
from vlmtui.commands.message_commands import ThoughtShown
from vlmtui.commands.outcomes import Branch, EditQuestion
from vlmtui.commands.stats_commands import Details
from vlmtui.ui.screens.chat.chat_facts import Sent, ThreadShown
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.composer.hint import Editing
from vlmtui.ui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.commands.context import CommandContext
    from vlmtui.commands.outcomes import Outcome
    from vlmtui.storage.records import StoredMessage

_COMMANDS = {
    "copy": "copy",
    "edit": "edit",
    "regenerate": "regen",
    "previous": "previous",
    "next": "next",
    "delete": "delete",
    "details": "stats",
}
"""What does an action with the message that it is done with."""


class MessagesTopic(Topic):
    """What can be done with the messages of the transcript."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._edited: StoredMessage | None = None
        self._written_before = ""
        """What was in the composer when editing began."""

        chat.handlers[Transcript.ActionWanted].append(self._action_wanted)
        chat.actions["undo"] = self._undo
        chat.commands.shows[Branch] = self._show_branch
        chat.commands.shows[Details] = self._show_details
        chat.commands.shows[ThoughtShown] = self._show_thought
        chat.commands.shows[EditQuestion] = lambda edit: self._edit(edit.stored)
        chat.set_aside.append(lambda: self._written_before)
        chat.stops.append(self._cancel_editing)
        chat.handlers[Sent].append(lambda _: self._leave_editing())
        chat.handlers[ThreadShown].append(self._thread_shown)
        chat.handlers[Transcript.Offered].append(self._name_keys)

    def _name_keys(self, event: Transcript.Offered) -> None:
        self.chat.prompt.composer.other_keys = event.hints

    def _undo(self) -> None:
        if not self.chat.must_wait():
            self.chat.commands.do("undo")

    def _action_wanted(self, event: Transcript.ActionWanted) -> None:
        entry = self.chat.transcript.entry(event.message_id)
        if entry is None or (BY_NAME[event.action].changes and self.chat.must_wait()):
            return
        match event.action:
            case "continue":
                self.chat.commands.do("continue")
            case "retry_with":
                self.chat.actions["retry_with"](event.message_id)
            case "thought":
                if entry.answer is not None:
                    entry.answer.thought.fold()
            case action:
                self.chat.commands.do(_COMMANDS[action], f"#{event.message_id}")

    async def _show_branch(self, branch: Branch) -> None:
        browsing = self.chat.transcript.browsing
        await self.chat.show_thread(branch.thread, stay=True)
        if browsing and branch.cursor is not None:
            await self.chat.transcript.put_cursor(branch.cursor)
        self.chat.prompt.say()
        if branch.said is not None:
            await self.chat.commands.show(branch.said)

    async def _show_thought(self, shown: ThoughtShown) -> None:
        await self.chat.transcript.goto(shown.stored.id)
        entry = self.chat.transcript.entry(shown.stored.id)
        if entry is not None and entry.answer is not None:
            entry.answer.thought.fold(False)

    def _show_details(self, details: Details) -> None:
        from vlmtui.ui.screens.dialogs.details import DetailsScreen

        self.chat.screen.app.push_screen(DetailsScreen(details))

    async def _edit(self, stored: StoredMessage) -> None:
        """Have a question in the composer; sending it begins a branch beside the old one."""
        prompt = self.chat.prompt
        if self._edited is None:
            self._written_before = prompt.text
        self._edited = stored
        self.chat.asking = self._ask_instead
        await self.chat.screen.query(Editing).remove()
        await self.chat.screen.mount(Editing(), before=prompt)
        prompt.write_again(stored.message)
        prompt.say()
        prompt.focus_composer()

    def _ask_instead(self, context: CommandContext, text: str) -> Outcome:
        from vlmtui.commands import message_commands

        assert self._edited is not None
        return message_commands.ask_instead(context, self._edited, text, whole=True)

    def _cancel_editing(self) -> bool:
        """Bring back what was being written before; False when nothing is being edited."""
        if self._edited is None:
            return False
        self.chat.prompt.text = ""
        self._leave_editing()
        return True

    def _leave_editing(self) -> None:
        """Bring back what was being written before, in front of what stands there now."""
        if self._edited is not None:
            self._edited = None
            self.chat.asking = None
            self.chat.screen.query(Editing).remove()
            before, self._written_before = self._written_before, ""
            self.chat.prompt.put_before(before)

    def _thread_shown(self, shown: ThreadShown) -> None:
        """A question that isn't on the screen any more isn't edited either."""
        if self._edited is not None and all(each.id != self._edited.id for each in shown.thread):
            self._leave_editing()
