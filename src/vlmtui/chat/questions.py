"""Questions on their way to the disk: the draft, what was sent, what was asked before.

Nothing here reaches the engine. A question is a row of its chat before anybody is asked, and no
draft is left of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from vlmtui.chat.branches import Branches
from vlmtui.chat.title import title_of
from vlmtui.errors import EmptyPrompt, StorageError
from vlmtui.messages import ImagePart, Message
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.prompts import Asked
from vlmtui.storage.records import Draft, StoredMessage


class Questions:
    """What a person writes into the open chat.

    May be used from several threads. Every method raises `StorageError` when it can't read or
    write.
    """

    def __init__(self, store: ChatStore, branches: Branches) -> None:
        """Read and write nothing yet; `branches` know which chat is open.

        A question is the new end of the branch that they show.
        """
        self._store = store
        self._branches = branches
        self._writing = threading.Lock()
        self._aside: Draft | None = None
        self._newest: tuple[int | None, object] = (None, None)
        """The draft that was last to be saved, behind its chat."""

        self._asked: list[str] = []
        """Questions of this sitting that are in no file but that of words."""

        self._typed = ""

    def save_draft(self, text: str, images: Sequence[ImagePart] = ()) -> None:
        """Keep what is in the composer, so that a crash doesn't cost it; empty: forget it."""
        mine = self._newest = (self._chat_id, object())
        with self._writing:
            newest = self._newest
            if newest is not mine and newest[0] == mine[0]:
                return  # it waited, and a newer one waits, which has all of it
            self._aside = None
            with self._kept_if_refused(text, images):
                self._store.drafts.save(self._chat_id, text, images)
            self._typed = text
            self._outlast()

    def discard(self) -> None:
        """Leave a chat that is not saved, as the user wants it: only the draft is kept of it."""
        with self._writing:
            self._asked.clear()
            self._outlast()

    def _outlast(self, *questions: str) -> None:
        """Keep in a file what was typed into a chat that is not saved."""
        if self._store.in_memory:
            self._asked += questions
            text = "\n\n".join(each for each in (*self._asked, self._typed) if each.strip())
            if text:
                self._store.refused.keep(None, text, ())  # its pictures go with the chat
            else:
                self._store.refused.forget(None)

    def set_aside(self, text: str, images: Sequence[ImagePart]) -> None:
        """Put a draft that waits for the database into a file of its own, until it has it."""
        if text.strip() or images:
            self._aside = Draft(text, tuple(images))
            self._store.refused.keep(self._chat_id, text, images)

    def draft(self) -> Draft:
        """What was in the composer of the open chat and wasn't sent.

        With it what the database has refused from instances that are gone.
        """
        draft = self._store.drafts.find(self._chat_id)
        left = list(self._store.refused.left())
        if not left:
            return draft
        drafts = [draft, *(each for drafts, _ in left for each in drafts)]
        texts = dict.fromkeys(each.text for each in drafts if each.text.strip())
        images = dict.fromkeys(image for each in drafts for image in each.images)
        joined = Draft("\n\n".join(texts), tuple(images))
        with suppress(StorageError):
            self._store.drafts.save(self._chat_id, joined.text, joined.images)
            self._typed = joined.text
            self._outlast()
            for _, path in left:
                with suppress(OSError):
                    path.unlink()
        return joined

    def asked_before(self, limit: int = 50, before: int | None = None) -> list[Asked]:
        """Questions of all chats, the last one first; `before` a message's id, if it is given."""
        return self._store.prompts.latest(limit, before)

    def save(self, parent_id: int | None, question: Message) -> StoredMessage:
        """Put a question behind a message; without an open chat, begin one with it.

        Raises:
            EmptyPrompt: Neither text nor picture.
            StorageError: It isn't saved; its draft still is.
        """
        if not question.text.strip() and not question.images:
            raise EmptyPrompt("There is nothing to send", "Type a question or attach a picture")
        # A draft that is saved at the same time must not outlive its question: it would lie with
        # the chats to come, where nothing clears it.
        with self._writing, self._kept_if_refused(question.text, question.images):
            drafts_of = self._chat_id
            if self._branches.chat is None:
                self._branches.chat, stored = self._store.start(title_of(question), question)
            else:
                stored = self._store.add(self._branches.chat.id, parent_id, question)
            self._branches.leaf = stored.id
            # The question is safe; at worst its draft turns up once more.
            with suppress(StorageError):
                self._store.drafts.save(drafts_of, "")
            self._typed = ""
            self._outlast(question.text)
        return stored

    @contextmanager
    def _kept_if_refused(self, text: str, images: Sequence[ImagePart]) -> Iterator[None]:
        """Put what the database doesn't take into a file of its own.

        Raises:
            StorageError: That of the database, which then says where the words are.
        """
        chat_id = self._chat_id
        try:
            yield
        except StorageError as error:
            if not text.strip() and not images:
                raise
            refused = self._aside or Draft(text, tuple(images))  # set aside: with a question before
            path = self._store.refused.keep(chat_id, refused.text, refused.images)
            if path is None:
                raise
            where = f"What you typed is kept in {path}, and comes back at the next start"
            raise StorageError(error.message, f"{error.hint}\n{where}") from error
        self._store.refused.forget(chat_id)

    @property
    def _chat_id(self) -> int | None:
        return self._branches.chat.id if self._branches.chat else None
