"""Messages in the plain chat: asked, answered again, continued, edited, deleted, read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlmtui import printable
from vlmtui.commands.code_blocks import code_blocks
from vlmtui.commands.message_actions import is_cut_off
from vlmtui.errors import InputError
from vlmtui.messages import ImagePart, Message, Role, placed, readable
from vlmtui.plain.pictures import PictureCommands
from vlmtui.storage.records import StoredMessage

_LATELY = 6
"""Messages that are shown unless all are wanted."""

_NAME = 40


class MessageCommands(PictureCommands):
    """What can be done with messages."""

    def ask(self, text: str) -> None:
        """Send a question with what is attached and what it mentions."""
        draft = self.draft(text)
        waiting, self.waiting = self.waiting, []
        places = [0] * len(waiting) + list(draft.places)
        self.answer(self.session.send(draft.text, [*waiting, *draft.images], places))

    def ask_again(self, message: Message, text: str) -> None:
        """Send a question that was asked before, perhaps in other words."""
        self.answer(self.session.send(*self._reworded(message, text)))

    def ask_instead(self, stored: StoredMessage, text: str) -> None:
        """Ask a question of this chat in other words; the old one stays, as another version."""
        self.answer(self.session.edit(stored.id, *self._reworded(stored.message, text)))

    def _reworded(
        self, message: Message, text: str
    ) -> tuple[str, Sequence[ImagePart], Sequence[int]]:
        """A message with other words: its pictures stay, those that the words mention come."""
        if text == message.text:
            return text, message.images, [place for place, _ in placed(message)]
        draft = self.draft(text)
        places = [0] * len(message.images) + list(draft.places)
        return draft.text, [*message.images, *draft.images], places

    # ------------------------------------------------------------------ answering

    def command_regen(self, argument: str) -> None:
        """Answer a question again."""
        number, _ = self.numbered(argument)
        self.answer(self.session.regenerate(number))

    def command_continue(self, _: str) -> None:
        """Go on with an answer that was cut off."""
        self.answer(self.session.continue_answer())

    def command_edit(self, argument: str) -> None:
        """Ask a question in other words."""
        number, text = self.numbered(argument)
        question = self.meant(number, Role.USER)
        if question.message.role is not Role.USER:
            raise InputError(f"Message #{question.id} is no question", "Only questions are edited")
        old = question.message.text
        if text:
            self.ask_instead(question, text)
        elif not self.lines.interactive or "\n" in old:
            self.voice.show(old)
            where = f"; /editor #{question.id} edits it" if self.lines.interactive else ""
            self.voice.note(f"/edit #{question.id} NEW WORDS asks this in other words{where}")
        else:
            self.voice.note("Change it and press Enter; an empty line leaves it as it is")
            new = self.lines.read("edit> ", old)
            if new is None or new.strip() in ("", old):
                self.voice.note("Nothing is changed")
            else:
                self.ask_instead(question, new)

    def command_delete(self, argument: str) -> None:
        """Delete a message and what follows."""
        number, _ = self.numbered(argument)
        message = self.meant(number, Role.USER)
        self.session.delete_message(message.id)
        self._undo.append(lambda: self.session.restore_message(message.id))
        self.voice.note(f"#{message.id} and what follows is deleted", "/undo brings it back")

    def command_undo(self, _: str) -> None:
        """Bring back what was deleted last."""
        if not self._undo:
            raise InputError("Nothing was deleted since vlmtui began")
        self._undo[-1]()
        self._undo.pop()
        self.voice.note("It is back")

    # ------------------------------------------------------------------ reading

    def command_copy(self, argument: str) -> None:
        """Print an answer once more: there is no screen to copy from."""
        number, what = self.numbered(argument)
        stored = self.meant(number, Role.ASSISTANT)
        if what.lower() != "code":
            self.voice.show(readable(stored.message))
            return
        texts = [stored] if number is not None else reversed(self.session.transcript())
        for each in texts:
            if blocks := code_blocks(each.message.text):
                self.voice.show(blocks[-1].text.rstrip("\n"))
                return
        raise InputError("There is no code in this chat")

    def command_show(self, argument: str) -> None:
        """Print messages with their numbers."""
        number, which = self.numbered(argument)
        thread = self.session.transcript()
        if number is not None:
            self.tell([self.message(number)])
        elif which.lower() == "all":
            self.print_rows(told(thread), "There is nothing in this chat yet")
        elif not thread:
            self.voice.note("There is nothing in this chat yet")
        else:
            self.tell(thread[-_LATELY:])
            if len(thread) > _LATELY:
                self.voice.note(f"{len(thread) - _LATELY} messages before these: /show all")

    def tell(self, messages: Sequence[StoredMessage]) -> None:
        """Print messages as they stand in the chat."""
        for text in told(messages):
            self.voice.show(text)

    # ------------------------------------------------------------------ versions

    def command_previous(self, argument: str) -> None:
        """Show the version before of a message."""
        self._turn_to(argument, -1)

    def command_next(self, argument: str) -> None:
        """Show the next version of a message."""
        self._turn_to(argument, 1)

    def _turn_to(self, argument: str, step: int) -> None:
        number, _ = self.numbered(argument)
        if number is not None:
            stored = self.message(number)
        else:
            several = [each for each in self.session.transcript() if each.siblings > 1]
            if not several:
                raise InputError(
                    "No message of this chat has several versions", "/regen and /edit make one"
                )
            stored = several[-1]
        other = self.session.neighbour(stored.id, step)
        if other is None:
            end = "first" if step < 0 else "last"
            raise InputError(
                f"This is the {end} of {stored.siblings} versions"
                if stored.siblings > 1
                else f"Message #{stored.id} has no other version"
            )
        thread = self.session.select(other)
        at = next(place for place, each in enumerate(thread) if each.id == other)
        self.tell(thread[at : at + 2] if thread[at].message.role is Role.USER else [thread[at]])


def told(messages: Sequence[StoredMessage]) -> Iterator[str]:
    """Messages as lines: number, who, words; marked where another model begins to answer."""
    model: str | None = None
    for stored in messages:
        if stored.message.role is Role.USER:
            names = [printable.line(image.name, _NAME) for image in stored.message.images]
            pictures = f" with {', '.join(names)}" if names else ""
            yield f"#{stored.id} You{pictures}{_state(stored)}: {readable(stored.message)}"
            continue
        if model is not None and stored.model != model:
            yield f"From here on {printable.line(stored.model or 'another model', _NAME)} answers."
        model = stored.model
        who = printable.line(stored.model or "Model", _NAME)
        yield f"#{stored.id} {who}{_state(stored)}: {stored.message.text}"


def _state(stored: StoredMessage) -> str:
    parts = [f"version {stored.sibling} of {stored.siblings}"] if stored.siblings > 1 else []
    if stored.message.role is Role.ASSISTANT and is_cut_off(stored):
        parts.append("cut off" if stored.status != "failed" else "failed")
    return f" ({', '.join(parts)})" if parts else ""
