"""Messages on the chat screen: answered again, continued, edited, deleted, looked into."""

from __future__ import annotations

from vlmtui.commands.message_actions import BY_NAME
from vlmtui.commands.outcomes import Ask, Branch, EditQuestion, Question, Said
from vlmtui.messages import Role
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.composer.editing import Editing
from vlmtui.ui.widgets.transcript.transcript import Transcript


class MessagesTopic(Topic):
    """What can be done with the messages of the transcript."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._edited: StoredMessage | None = None
        self._written_before = ""
        """What was in the composer when editing began."""

        chat.hears[Transcript.ActionWanted].append(self._action_wanted)
        chat.hears[Transcript.UndoWanted].append(lambda _: chat.screen.undo_deletion())
        chat.shows[Branch] = self._show_branch
        chat.shows[EditQuestion] = lambda edit: self._edit(edit.stored)
        chat.set_aside.append(lambda: self._written_before)
        chat.stops.append(self._stop_editing)
        chat.forms["regen"] = lambda _: self._regenerate(None)
        chat.forms["continue"] = lambda _: self._continue()
        chat.forms["edit"] = lambda _: self._edit_question()
        chat.forms["delete"] = lambda _: self._delete_meant()
        chat.forms["undo"] = lambda _: chat.screen.undo_deletion()
        chat.actions["regenerate"] = self._regenerate

    async def _action_wanted(self, event: Transcript.ActionWanted) -> None:
        entry = self.chat.transcript.entry(event.message_id)
        if entry is None or (BY_NAME[event.action].changes and self.chat.must_wait()):
            return
        stored = entry.stored
        match event.action:
            case "edit":
                await self._edit(stored)
            case "continue":
                await self._continue()
            case "regenerate":
                await self._regenerate(stored.id)
            case "retry_with":
                self.chat.actions["retry_with"](stored.id)
            case "previous":
                self.chat.start(self._show_sibling(stored.id, -1), "branch")
            case "next":
                self.chat.start(self._show_sibling(stored.id, 1), "branch")
            case "delete":
                self.chat.start(self._delete(stored.id), "branch")
            case "details":
                self._show_details(stored)

    # ------------------------------------------------------------------ answering

    async def _regenerate(self, message_id: int | None) -> None:
        """Have a question answered again, or the last one, with the model that is loaded."""
        session = self.chat.session
        await self.chat.show(Ask(lambda: session().regenerate(message_id), changes=True))

    async def _continue(self) -> None:
        """Go on with the last answer."""
        session = self.chat.session
        await self.chat.show(Ask(lambda: session().continue_answer(), changes=True))

    # ------------------------------------------------------------------ editing

    async def _edit_question(self) -> None:
        """Edit the question under the cursor, or else the last one."""
        under = self.chat.transcript.entry(self.chat.transcript.cursor or 0)
        questions = [
            entry
            for entry in ([under] if under is not None else self.chat.transcript.messages())
            if entry.stored.message.role is Role.USER
        ]
        if questions:
            await self._edit(questions[-1].stored)
        else:
            self.chat.prompt.say("There is no question to edit")

    async def _edit(self, stored: StoredMessage) -> None:
        """Have a question in the composer; sending it begins a branch beside the old one."""
        prompt = self.chat.prompt
        if self._edited is None:
            self._written_before = prompt.text
        self._edited = stored
        self.chat.asking = self._asked_instead
        await self.chat.screen.query(Editing).remove()
        await self.chat.screen.mount(Editing(), before=prompt)
        prompt.write_again(stored.message)
        prompt.say()
        prompt.focus_composer()

    def _asked_instead(self, question: Question) -> Ask:
        """The turn of a question in other words; what was written before is back then."""
        edited, session = self._edited, self.chat.session()
        assert edited is not None
        written_since = self.chat.prompt.text
        self._stop_editing()
        if written_since.strip():
            self.chat.prompt.text = "\n\n".join(
                filter(None, (self.chat.prompt.text, written_since))
            )
        parts = (question.text, question.images, question.places)
        return Ask(lambda: session.edit(edited.id, *parts), question, changes=True)

    def _stop_editing(self) -> bool:
        """Bring back what was being written before; False when nothing is being edited."""
        if self._edited is None:
            return False
        self._edited = None
        self.chat.asking = self.chat.sending
        self.chat.screen.query(Editing).remove()
        self.chat.prompt.text, self._written_before = self._written_before, ""
        return True

    # ------------------------------------------------------------------ versions, deleting

    def _delete_meant(self) -> None:
        """Delete the message under the cursor, or else the last question with its answer."""
        transcript = self.chat.transcript
        under = transcript.entry(transcript.cursor or 0)
        questions = [e for e in transcript.messages() if e.stored.message.role is Role.USER]
        entry = under or (questions[-1] if questions else None)
        if entry is None:
            self.chat.prompt.say("There is nothing to delete")
        else:
            self.chat.start(self._delete(entry.stored.id), "branch")

    async def _delete(self, message_id: int) -> None:
        def restore() -> None:
            self.chat.start(self._restore(message_id), "branch")

        thread = await self.chat.on_session(lambda session: session.delete_message(message_id))
        self.chat.screen.offer_undo(restore)
        said = Said("Deleted, with all that followed", "/undo brings it back")
        await self.chat.show(Branch(thread, thread[-1].id if thread else None, said))

    async def _restore(self, message_id: int) -> None:
        thread = await self.chat.on_session(lambda session: session.restore_message(message_id))
        await self.chat.show(Branch(thread, message_id))

    async def _show_sibling(self, message_id: int, step: int) -> None:
        sibling = await self.chat.on_session(lambda session: session.neighbour(message_id, step))
        if sibling is not None:
            thread = await self.chat.on_session(lambda session: session.select(sibling))
            await self.chat.show(Branch(thread, sibling))

    async def _show_branch(self, branch: Branch) -> None:
        browsing = self.chat.transcript.browsing
        await self.chat.show_thread(branch.thread, stay=True)
        if browsing and branch.cursor is not None:
            await self.chat.transcript.put_cursor(branch.cursor)
        said = branch.said if branch.said is not None else Said("")
        self.chat.prompt.say(said.message, said.advice)

    # ------------------------------------------------------------------ looking into

    def _show_details(self, stored: StoredMessage) -> None:
        from vlmtui.ui.screens.dialogs.details import DetailsScreen

        self.chat.screen.app.push_screen(DetailsScreen(stored))
