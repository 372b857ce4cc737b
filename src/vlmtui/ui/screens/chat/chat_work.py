"""The threads of the chat screen: everything that may take longer than a frame.

They run on the session, and tell what came of it by posting messages and by filling the inbox; they
touch no widget. What is then shown is decided in `chat`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from textual import work
from textual.message import Message

from vlmtui.compose import mentions
from vlmtui.engine.base import Finished
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.storage.records import Draft, StoredMessage
from vlmtui.ui.screens.chat.inbox import Inbox
from vlmtui.ui.screens.mended_screen import MendedScreen

if TYPE_CHECKING:
    from vlmtui.chat.session import ChatSession

    OpenSession = Callable[[], ChatSession]


class TurnFailed(msgspec.Struct, frozen=True):
    """A turn ended with an error."""

    error: VlmtuiError


class TurnEnded(msgspec.Struct, frozen=True):
    """A turn is over; the last thing it leaves in the inbox."""


class LoadFailed(msgspec.Struct, frozen=True):
    """The model could not be loaded."""

    error: VlmtuiError


class LoadEnded(msgspec.Struct, frozen=True):
    """The load at the beginning is over."""


class ChatWork(MendedScreen[None]):
    """A screen with a session behind it.

    The session is opened by the first worker, since what it stands on takes longer to import than
    the screen takes to be painted; the others wait for it.
    """

    class Arrived(Message):
        """Something is in the inbox."""

    class Prepared(Message):
        """A text can be sent: its mentions have become pictures."""

        def __init__(self, typed: str, draft: mentions.Draft) -> None:
            super().__init__()
            self.typed = typed
            self.draft = draft

    class AttachFailed(Message):
        """A picture that a message mentions can't be sent."""

        def __init__(self, error: VlmtuiError, path: str) -> None:
            super().__init__()
            self.error = error
            self.path = path

    class Restored(Message):
        """What is on disk: the conversation, and at the start what was in the composer."""

        def __init__(
            self,
            thread: Sequence[StoredMessage],
            draft: Draft,
            error: VlmtuiError | None,
            warning: StorageError | None = None,
        ) -> None:
            super().__init__()
            self.thread = thread
            self.draft = draft
            self.error = error
            self.warning = warning

    class OpenFailed(Message):
        """There is no session, so there is nothing to stay for."""

        def __init__(self, error: VlmtuiError) -> None:
            super().__init__()
            self.error = error

    class RestoreFailed(Message):
        """The conversation can't be read."""

        def __init__(self, error: StorageError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, open_session: OpenSession) -> None:
        super().__init__()
        self._open_session = open_session
        self._opened: Future[ChatSession] = Future()
        self._inbox = Inbox(lambda: self.post_message(self.Arrived()))

    @property
    def _session(self) -> ChatSession:
        """The session, waited for; the screen itself asks only when a turn has begun."""
        return self._opened.result()

    @work(thread=True, exclusive=True, group="open", exit_on_error=False)
    def open_session(self) -> None:
        """Open the session."""
        try:
            self._opened.set_result(self._open_session())
        except VlmtuiError as error:
            self.post_message(self.OpenFailed(error))  # before those of the workers that wait
            self._opened.set_exception(error)
        except BaseException as error:
            self._opened.set_exception(error)
            raise

    @work(thread=True, exclusive=True, group="load", exit_on_error=False)
    def load_model(self) -> None:
        """Load the model ahead of the first question."""
        try:
            for event in self._session.load():
                if not isinstance(event, Finished):  # it would look like the end of a turn
                    self._inbox.put(event)
        except VlmtuiError as error:
            self._inbox.put(LoadFailed(error))
        self._inbox.put(LoadEnded())

    @work(thread=True, exclusive=True, group="turn", exit_on_error=False)
    def ask(self, text: str, images: tuple[ImagePart, ...], places: tuple[int, ...] = ()) -> None:
        """Send a question."""
        self._follow(self._session.send(text, images, places))

    @work(thread=True, exclusive=True, group="cancel", exit_on_error=False)
    def cancel_turn(self) -> None:
        """Stop the turn."""
        self._session.cancel()

    def _follow(self, events: Iterator[object]) -> None:
        try:
            for event in events:
                self._inbox.put(event)
        except VlmtuiError as error:
            self._inbox.put(TurnFailed(error))
        self._inbox.put(TurnEnded())

    @work(thread=True, exclusive=True, group="attach", exit_on_error=False)
    def prepare(self, typed: str, tokens: Sequence[mentions.Token]) -> None:
        """Turn the mentions of a text into pictures."""
        found = list(tokens)
        for mention in mentions.pictures(typed, tokens):
            try:
                images = self._pictures(mention.path)
            except VlmtuiError as error:
                self.post_message(self.AttachFailed(error, mention.path))
                return
            start = mention.start
            for image in images:
                found.append(mentions.Token(start, mention.end, image))
                start = mention.end
        self.post_message(self.Prepared(typed, mentions.take_out(typed, found)))

    def _pictures(self, reference: str) -> list[ImagePart]:
        from vlmtui.compose import recent_pictures, references

        found = references.resolve(reference)
        images = [self._session.attach(Path(path)) for path in found]
        recent_pictures.note(found)
        return images

    @work(thread=True, exclusive=True, group="restore", exit_on_error=False)
    def restore(
        self, *, new: bool = False, draft: bool = False, error: VlmtuiError | None = None
    ) -> None:
        """Read what is on disk.

        Args:
            new: Begin a new chat.
            draft: Read what was in the composer, too, and what is to be told at the start.
            error: Why it is read again; told afterwards.
        """
        try:
            if new:
                self._session.open(None)
            thread = self._session.transcript()
            kept = self._session.draft() if draft else Draft()
        except StorageError as problem:
            self.post_message(self.RestoreFailed(problem))
        else:
            warning = self._session.warning if draft else None
            self.post_message(self.Restored(thread, kept, error, warning))

    @work(thread=True, exclusive=True, group="draft", exit_on_error=False)
    def keep_draft(self, draft: Draft) -> None:
        """Keep what is in the composer."""
        try:
            self._session.save_draft(draft.text, draft.images)
        except StorageError:
            return  # the next change tries again, and sending tells

    @work(thread=True, exclusive=True, group="close", exit_on_error=False)
    def close_session(self, draft: Draft) -> None:
        """Save what is in the composer, stop what runs, and end the engine."""
        try:
            session = self._session
        except VlmtuiError:
            return
        with suppress(StorageError):
            session.save_draft(draft.text, draft.images)
        session.close()
