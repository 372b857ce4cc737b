"""Pictures from the web on the chat screen: asked about, fetched, put into the message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from textual import work
from textual.message import Message

from vlmtui import printable, units
from vlmtui.errors import VlmtuiError
from vlmtui.messages import ImagePart
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.chat_turns import ChatTurns
from vlmtui.ui.widgets.composer.prompt_area import Prompt

if TYPE_CHECKING:
    from vlmtui.ui.widgets.composer.confirm import Confirm

_PROGRESS_SECONDS = 0.2


class Wanted(msgspec.Struct, frozen=True):
    """A picture from the web that shall be in the message."""

    url: str
    instead: str = ""
    """What it takes the place of in the composer; nothing: the cursor's place."""


class ChatFetch(ChatTurns):
    """Fetching pictures. Nothing is fetched that the user hasn't said yes to."""

    _asked: tuple[tuple[Wanted, ...], bool] | None = None
    _fetching: threading.Event | None = None
    """Cancels what is being fetched."""

    class Fetched(Message):
        """A picture has come, and was checked and copied."""

        def __init__(self, image: ImagePart, wanted: Wanted) -> None:
            super().__init__()
            self.image = image
            self.wanted = wanted

    class FetchProgress(Message):
        """More of it has come."""

        def __init__(self, host: str, done: int, total: int | None) -> None:
            super().__init__()
            self.host = host
            self.done = done
            self.total = total

    class FetchEnded(Message):
        """No more comes: all are there, or one has failed, or it was cancelled."""

        def __init__(self, send: bool, error: VlmtuiError | None, cancelled: bool) -> None:
            super().__init__()
            self.send = send
            self.error = error
            self.cancelled = cancelled

    async def ask_to_fetch(self, wanted: Sequence[Wanted], *, send: bool = False) -> None:
        """Ask whether pictures may be fetched.

        Args:
            wanted: They.
            send: Send the message when they are all in it.
        """
        from vlmtui.chat import fetch

        if self._asked is not None or self._fetching is not None:
            self.prompt.say("Pictures are being fetched already", "Esc cancels that")
            return
        try:
            hosts = list(dict.fromkeys(fetch.host_of(each.url) for each in wanted))
        except VlmtuiError as error:
            self.prompt.say(error.message, error.hint, error=True)
            return
        what = fetch.name_of(wanted[0].url) if len(wanted) == 1 else f"{len(wanted)} pictures"
        self._asked = (tuple(wanted), send)
        self.prompt.say()
        limit = units.size(fetch.MAX_BYTES)
        await self.prompt.ask(f"Fetch {what} from {', '.join(hosts)}? At most {limit}")

    def on_confirm_answered(self, event: Confirm.Answered) -> None:
        """Fetch, or not."""
        event.stop()
        self.prompt.focus_composer()
        asked, self._asked = self._asked, None
        if asked is None:
            return
        if event.yes:
            self._fetching = threading.Event()
            self.prompt.say("Fetching", self._cancel_hint())
            self._fetch(*asked, self._fetching)
        else:
            advice = "Without its @ the address is just text" if asked[1] else ""
            self.prompt.say("Nothing was fetched", advice)

    @work(thread=True, exclusive=True, group="fetch", exit_on_error=False)
    def _fetch(self, wanted: Sequence[Wanted], send: bool, cancelled: threading.Event) -> None:
        from vlmtui.chat import fetch

        failure: VlmtuiError | None = None
        try:
            for each in wanted:
                host = fetch.host_of(each.url)
                with fetch.fetched(
                    each.url, progress=self._teller(host), cancelled=cancelled
                ) as file:
                    self.post_message(self.Fetched(self._session.attach(file), each))
        except fetch.Cancelled:
            pass
        except VlmtuiError as error:
            failure = error
        self.post_message(self.FetchEnded(send, failure, cancelled.is_set()))

    def _teller(self, host: str) -> Callable[[int, int | None], None]:
        """Tells the progress, not too often."""
        last = 0.0

        def tell(done: int, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last > _PROGRESS_SECONDS:
                last = now
                self.post_message(self.FetchProgress(host, done, total))

        return tell

    def on_chat_fetch_fetch_progress(self, event: FetchProgress) -> None:
        """Show how far it is."""
        if self._fetching is None or self._fetching.is_set():
            return
        of = f" of {units.size(event.total)}" if event.total is not None else ""
        self.prompt.say(
            f"Fetching from {event.host}: {units.size(event.done)}{of}", self._cancel_hint()
        )

    def on_chat_fetch_fetched(self, event: Fetched) -> None:
        """Put it into the message."""
        self.prompt.insert([event.image], event.wanted.instead)
        self._choose_image()
        self.keep_draft(self.prompt.draft)

    def on_chat_fetch_fetch_ended(self, event: FetchEnded) -> None:
        """Say how it went, and send what waited for it."""
        self._fetching = None
        if event.cancelled:
            self.prompt.say("Cancelled; nothing more was fetched")
        elif event.error is not None:
            self.prompt.say(event.error.message, event.error.hint, error=True)
        else:
            self.prompt.say()
            if event.send:
                self.post_message(Prompt.Submitted(self.prompt.text))

    def stop_fetching(self) -> bool:
        """Cancel what is being fetched; False when there is nothing."""
        if self._fetching is None:
            return False
        self._fetching.set()
        return True

    def _cancel_hint(self) -> str:
        return f"{printable.line(keymap.keys_of(self.app, 'chat.stop', 'escape'))} cancels"
