"""The chat that `ask --save` keeps and `ask --continue` goes on with; it is one like any other."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from vlmtui import kept, paths
from vlmtui.ask.turn import Turn
from vlmtui.chat import prompt_messages
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.chat.title import title_of
from vlmtui.errors import ArchiveError, InputError, StorageError
from vlmtui.messages import ImagePart, Message, assistant
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Chat, Status, StoredMessage


class SavedChat:
    """A conversation on disk that grows by a question and its answer at a time."""

    def __init__(self, system: str | None, *, resume: bool) -> None:
        """Open the chats.

        Args:
            system: The system prompt that was given; None for the chat's own, or the settings'.
            resume: Go on with the last one that was saved so.

        Raises:
            InputError: There is none.
            StorageError: The chats can't be opened.
        """
        self._system = system
        self._store = ChatStore(Database(paths.database_path()))
        self._images = ImageStore(paths.images_dir())
        self._chat: Chat | None = None
        self._thread: list[StoredMessage] = []
        if resume:
            try:
                self._chat = self._last()
                self._thread = self._store.thread(self._chat.id)
            except BaseException:
                self._store.close()
                raise

    def close(self) -> None:
        self._store.close()

    @property
    def system(self) -> str | None:
        """The chat's own system prompt; None where it has none."""
        return self._chat.system if self._chat is not None and self._system is None else None

    def before(self) -> tuple[Message, ...]:
        """What was said in it, as far as its pictures are still there."""
        messages, _ = prompt_messages.present(prompt_messages.prompt(self._thread))
        return messages

    def own(self, message: Message) -> Message:
        parts = tuple(
            msgspec.structs.replace(
                AttachedImages(self._images).attach(part.path), name=Path(part.name).name
            )
            if isinstance(part, ImagePart)
            else part
            for part in message.parts
        )
        return msgspec.structs.replace(message, parts=parts)

    def keep(self, question: Message, turn: Turn, model: str) -> None:
        if self._chat is None:
            self._chat, asked = self._store.start(title_of(question), question)
            if self._system is not None:
                self._chat = msgspec.structs.replace(self._chat, system=self._system)
                self._store.configure(self._chat)
        else:
            last = self._thread[-1].id if self._thread else None
            asked = self._store.add(self._chat.id, last, question)
        answer = self._store.add(
            self._chat.id, asked.id, assistant(turn.text, turn.thought), model, "streaming"
        )
        status: Status = "cancelled" if turn.reason == "cancelled" else "complete"
        stats = {**msgspec.structs.asdict(turn.stats), "finish_reason": turn.reason}
        self._store.update_text(answer.id, turn.text, status, stats, thought=turn.thought)
        self._thread += [asked, answer]
        with suppress(StorageError):  # it is on disk all the same
            kept.store(_place(), self._chat.id)

    def _last(self) -> Chat:
        with suppress(StorageError, ArchiveError):
            number = kept.load(_place(), int)
            if number is not None:
                chat = self._store.get(number)
                if chat.deleted is None:
                    return chat
        raise InputError(
            "There is no saved question to continue", "`vlmtui ask --save …` saves one."
        )


def _place() -> Path:
    return paths.state_dir() / "asked.json"
