"""Which branch of a chat is shown, and how to get to another.

A chat is a tree: an answer given again and a question in other words are siblings, and all of them
stay. This module moves about in it; it writes no message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from vlmtui.errors import EmptyPrompt, MessageNotFound, NothingToContinue, StorageError
from vlmtui.messages import Role
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.records import Chat, StoredMessage

_LIVE = ("message", "status", "model", "error", "stats", "error_kind")
"""Fields of an answer that may be ahead of the disk; the others change only there."""


class Branches:
    """One chat's tree, and the next one's after `open`.

    Every method that reads or writes raises `StorageError` when it can't.
    """

    def __init__(
        self, store: ChatStore, live: Callable[[], Mapping[int, StoredMessage]], chat: Chat | None
    ) -> None:
        """Begin where a chat was left.

        Args:
            store: Holds it.
            live: The answers that may be ahead of the disk, by id.
            chat: None for one that begins with its first question.
        """
        self._store = store
        self._live = live
        self._left_at: dict[int, int] = {}
        self.chat = chat
        self.leaf = chat.leaf_id if chat else None

    @property
    def state_name(self) -> str:
        """What the engine knows the chat by; empty for one that isn't on disk."""
        return "" if self.chat is None else self._store.state_name(self.chat.id)

    def open(self, chat: Chat | None) -> None:
        """Go to another chat, or with None to a new one."""
        self._left_at.clear()
        self.chat = chat
        self.leaf = chat.leaf_id if chat else None

    def know(self, chat: Chat) -> None:
        """Take over what has changed about the chat, if it is this one; the branch stays."""
        if self.chat is not None and self.chat.id == chat.id:
            self.chat = chat

    def shown(self) -> list[StoredMessage]:
        """The shown branch, first message first."""
        return self.to(self.leaf)

    def to(self, message_id: int | None) -> list[StoredMessage]:
        """The way from the first message to this one, with what is only in memory yet."""
        if self.chat is None or message_id is None:
            return []
        live = self._live()
        thread = self._store.thread(self.chat.id, message_id)
        return [_up_to_date(stored, live.get(stored.id)) for stored in thread]

    def reread(self, stored: StoredMessage) -> StoredMessage | None:
        """A message as it is now; None where it is gone."""
        return next((each for each in self.to(stored.id) if each.id == stored.id), None)

    def find(self, message_id: int) -> StoredMessage:
        """A message of this chat, on whatever branch; raises `MessageNotFound`."""
        way = self.to(message_id)
        if not way:
            raise MessageNotFound(
                "That message isn't there any more", "Another window may have deleted its chat"
            )
        return way[-1]

    def question(self, message_id: int | None) -> StoredMessage:
        """The question that is meant by an answer's id or its own; with None, the last one shown.

        Raises:
            MessageNotFound: There is no such message.
            EmptyPrompt: There is no question yet.
        """
        if message_id is not None:
            self.find(message_id)
        thread = self.shown() if message_id is None else self.to(message_id)
        questions = [stored for stored in thread if stored.message.role is Role.USER]
        if not questions:
            raise EmptyPrompt("There is no question to answer again", "Ask one first")
        return questions[-1]

    def unfinished(self) -> tuple[list[StoredMessage], StoredMessage]:
        """The shown branch up to its last answer, and this, which has more to say.

        Raises:
            NothingToContinue: It hasn't, or there is none.
        """
        thread = self.shown()
        if not thread or thread[-1].message.role is not Role.ASSISTANT:
            raise NothingToContinue("There is no answer to continue", "Ask a question")
        last = thread[-1]
        if last.status == "streaming":
            raise NothingToContinue(
                "Another window is writing that answer", "Wait until it is done"
            )
        reason = (last.stats or {}).get("finish_reason")
        if last.status == "complete" and reason not in ("length", "context"):
            raise NothingToContinue(
                "The last answer is complete", "Ask for more, or /regen answers again"
            )
        return thread[:-1], last

    def leave(self) -> list[StoredMessage]:
        """The shown branch, which is remembered for coming back to it."""
        thread = self.shown()
        if thread:
            self._left_at.update({stored.id: thread[-1].id for stored in thread})
        return thread

    def select(self, message_id: int) -> list[StoredMessage]:
        """Show a branch with this message: the one shown last, or else the newest.

        Raises:
            MessageNotFound: There is none of this id.
        """
        thread = self.leave()
        if not any(stored.id == message_id for stored in thread):
            self.find(message_id)
            thread = self.to(self._left_at.get(message_id))
            if not any(stored.id == message_id for stored in thread):
                thread = self.to(self._store.trash.leaf_below(message_id))
            self.show(thread[-1].id)
        return thread

    def show(self, leaf_id: int) -> None:
        """Show the branch that ends here, now and when the chat is opened again."""
        assert self.chat is not None
        self._store.set_leaf(self.chat.id, leaf_id)
        self.leaf = leaf_id

    def follow(self, chat: Chat) -> list[StoredMessage]:
        """Show what the store shows of this chat, where a message of it went or came back."""
        if self.chat is not None and self.chat.id == chat.id:
            self.leaf = chat.leaf_id
        return self.shown()

    def neighbour(self, message_id: int, step: int) -> int | None:
        """The sibling so many places further, None beyond the first and the last."""
        siblings = self._store.siblings(message_id)
        if message_id not in siblings:
            return None
        place = siblings.index(message_id) + step
        return siblings[place] if 0 <= place < len(siblings) else None

    def fall_back(self, before: list[StoredMessage], question_id: int) -> None:
        """Show the branch from before again when the new answer to its question came to nothing."""
        new = self._live().get(self.leaf or -1)
        if new is None or new.status == "complete" or new.message.text:
            return
        if any(
            stored.parent_id == question_id
            and stored.message.role is Role.ASSISTANT
            and stored.message.text
            for stored in before
        ):
            self.leaf = before[-1].id
            with suppress(StorageError):
                self.show(before[-1].id)


def _up_to_date(stored: StoredMessage, live: StoredMessage | None) -> StoredMessage:
    if live is None:
        return stored
    return msgspec.structs.replace(stored, **{name: getattr(live, name) for name in _LIVE})
