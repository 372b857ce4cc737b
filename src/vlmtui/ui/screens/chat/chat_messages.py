"""Messages on the chat screen: answered again, continued, edited, deleted, looked into."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.message import Message

from vlmtui.commands.message_actions import BY_NAME
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart, Role
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat.chat_turns import ChatTurns
from vlmtui.ui.widgets.composer.editing import Editing
from vlmtui.ui.widgets.transcript.entries import MessageEntry
from vlmtui.ui.widgets.transcript.transcript import Transcript


class ChatMessages(ChatTurns):
    """What can be done with the messages of the transcript."""

    _edited: StoredMessage | None = None
    _set_aside = ""

    class BranchShown(Message):
        """Another branch of the chat is to be shown."""

        def __init__(
            self, thread: Sequence[StoredMessage], cursor: int | None, deleted: int | None = None
        ) -> None:
            super().__init__()
            self.thread = tuple(thread)
            self.cursor = cursor
            self.deleted = deleted

    class BranchFailed(Message):
        """The chat's branches could not be changed."""

        def __init__(self, error: VlmtuiError) -> None:
            super().__init__()
            self.error = error

    @on(Transcript.ActionWanted)
    async def _action_wanted(self, event: Transcript.ActionWanted) -> None:
        event.stop()
        entry = self.transcript.entry(event.message_id)
        if entry is None:
            return
        if BY_NAME[event.action].changes and self._turn:
            self.prompt.say("An answer is on its way", "Esc stops it")
            return
        await self._act(entry, event.action)

    async def _act(self, entry: MessageEntry, action: str) -> None:
        stored = entry.stored
        match action:
            case "edit":
                await self.edit(stored)
            case "continue":
                self._go_on()
            case "regenerate":
                self.regenerate(stored.id)
            case "retry_with":
                self.retry_with(stored.id)
            case "previous":
                self._show_sibling(stored.id, -1)
            case "next":
                self._show_sibling(stored.id, 1)
            case "delete":
                self._delete(stored.id)
            case "details":
                self._show_details(stored)

    # ------------------------------------------------------------------ answering

    def command_regen(self, _: str) -> None:
        """Answer the last question again."""
        self.regenerate(None)

    def regenerate(self, message_id: int | None) -> None:
        """Have a question answered again, with the model that is loaded.

        Args:
            message_id: Its answer, or itself; None for the last question.
        """
        self._branching()
        self.answer_again(message_id)

    def retry_with(self, message_id: int) -> None:
        """Have a question answered by another model; `ChatModels` knows how one is chosen."""

    def command_continue(self, _: str) -> None:
        """Go on with the last answer."""
        self._go_on()

    def _go_on(self) -> None:
        self._branching()
        self.go_on()

    def _branching(self) -> None:
        self.prompt.say()
        self._again = True
        self._begin_turn()

    @work(thread=True, exclusive=True, group="turn", exit_on_error=False)
    def answer_again(self, message_id: int | None) -> None:
        """Answer a question again."""
        self._follow(self._session.regenerate(message_id))

    @work(thread=True, exclusive=True, group="turn", exit_on_error=False)
    def go_on(self) -> None:
        """Go on with an answer that was cut off."""
        self._follow(self._session.continue_answer())

    @work(thread=True, exclusive=True, group="turn", exit_on_error=False)
    def ask_anew(
        self, message_id: int, text: str, images: tuple[ImagePart, ...], places: tuple[int, ...]
    ) -> None:
        """Ask a question in other words."""
        self._follow(self._session.edit(message_id, text, images, places))

    # ------------------------------------------------------------------ editing

    async def command_edit(self, _: str) -> None:
        """Edit the question under the cursor, or else the last one."""
        under = self.transcript.entry(self.transcript.cursor or 0)
        questions = [
            entry
            for entry in ([under] if under is not None else self.transcript.messages())
            if entry.stored.message.role is Role.USER
        ]
        if questions:
            await self.edit(questions[-1].stored)
        else:
            self.prompt.say("There is no question to edit")

    async def edit(self, stored: StoredMessage) -> None:
        """Have a question in the composer; sending it begins a branch beside the old one."""
        if self._edited is None:
            self._set_aside = self.prompt.text
        self._edited = stored
        await self.query(Editing).remove()
        await self.mount(Editing(), before=self.prompt)
        self.prompt.write_again(stored.message)
        self.prompt.say()
        self.prompt.focus_composer()

    def stop_editing(self) -> bool:
        """Bring back what was being written before; False when nothing is being edited."""
        if self._edited is None:
            return False
        self._edited = None
        self.query(Editing).remove()
        self.prompt.text, self._set_aside = self._set_aside, ""
        return True

    def send(self, text: str, images: tuple[ImagePart, ...], places: tuple[int, ...]) -> None:
        """Send a question: after the last message, or in the place of the edited one."""
        edited = self._edited
        if edited is None:
            super().send(text, images, places)
            return
        self._again = True
        self.stop_editing()
        self.ask_anew(edited.id, text, images, places)

    # ------------------------------------------------------------------ versions, deleting

    def command_delete(self, _: str) -> None:
        """Delete the message under the cursor, or else the last question with its answer."""
        under = self.transcript.entry(self.transcript.cursor or 0)
        questions = [e for e in self.transcript.messages() if e.stored.message.role is Role.USER]
        entry = under or (questions[-1] if questions else None)
        if entry is None:
            self.prompt.say("There is nothing to delete")
        else:
            self._delete(entry.stored.id)

    def command_undo(self, _: str) -> None:
        """Bring back what was deleted last."""
        self.undo_deletion()

    @on(Transcript.UndoWanted)
    def _undo_wanted(self) -> None:
        self.undo_deletion()

    @work(thread=True, exclusive=True, group="branch", exit_on_error=False)
    def _delete(self, message_id: int) -> None:
        try:
            thread = self._session.delete_message(message_id)
        except VlmtuiError as error:
            self.post_message(self.BranchFailed(error))
        else:
            cursor = thread[-1].id if thread else None
            self.post_message(self.BranchShown(thread, cursor, deleted=message_id))

    @work(thread=True, exclusive=True, group="branch", exit_on_error=False)
    def _restore_message(self, message_id: int) -> None:
        try:
            thread = self._session.restore_message(message_id)
        except VlmtuiError as error:
            self.post_message(self.BranchFailed(error))
        else:
            self.post_message(self.BranchShown(thread, message_id))

    @work(thread=True, exclusive=True, group="branch", exit_on_error=False)
    def _show_sibling(self, message_id: int, step: int) -> None:
        try:
            sibling = self._session.neighbour(message_id, step)
            if sibling is not None:
                thread = self._session.select(sibling)
                self.post_message(self.BranchShown(thread, sibling))
        except VlmtuiError as error:
            self.post_message(self.BranchFailed(error))

    @on(BranchShown)
    async def _branch_shown(self, event: BranchShown) -> None:
        browsing = self.transcript.browsing
        await self.transcript.show(event.thread, stay=True)
        if browsing and event.cursor is not None:
            await self.transcript.put_cursor(event.cursor)
        self._choose_image_of(event.thread)
        if event.deleted is not None:
            deleted = event.deleted
            self.offer_undo(lambda: self._restore_message(deleted))
            self.prompt.say("Deleted, with all that followed", "/undo brings it back")
        else:
            self.prompt.say()

    @on(BranchFailed)
    def _branch_failed(self, event: BranchFailed) -> None:
        self.prompt.say(event.error.message, event.error.hint, error=True)

    # ------------------------------------------------------------------ looking into

    def _show_details(self, stored: StoredMessage) -> None:
        from vlmtui.ui.screens.dialogs.details import DetailsScreen

        self.app.push_screen(DetailsScreen(stored))
