"""Pictures from the web on the chat screen: asked about, fetched, put into the message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec

from vlmtui import printable, units
from vlmtui.commands import picture_commands
from vlmtui.commands.outcomes import Outcome, WantsFetch
from vlmtui.compose import mentions
from vlmtui.messages import ImagePart
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.chat_facts import Leaving
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.composer.prompt_area import Prompt

_PROGRESS_SECONDS = 0.2

Put = Callable[[str, ImagePart], object]
"""Takes a picture, with the address that it has come from."""


class Wanted(msgspec.Struct, frozen=True):
    """A picture from the web that shall be in the message."""

    url: str
    instead: str = ""
    """What it takes the place of in the composer; nothing: the cursor's place."""


class FetchInto(Outcome, frozen=True):
    """Pictures of the web that shall stand in the composer."""

    wanted: tuple[Wanted, ...]
    send: bool = False
    """Send the message when they are all in it."""


class FetchTopic(Topic):
    """Fetching pictures. Nothing is fetched that the user hasn't said yes to."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._cancelled: threading.Event | None = None
        """Cancels what is being asked about, or fetched."""

        self._loading = False
        chat.commands.shows[FetchInto] = lambda into: self._start(self._into_composer(into))
        chat.commands.shows[WantsFetch] = lambda wants: self._start(self._for_command(wants))
        chat.holds.append(self._hold)
        chat.stops.append(self._stop)
        chat.handlers[Leaving].append(lambda _: self._stop())

    def _hold(self, text: str) -> bool:
        """Have a message wait for the pictures of the web that it mentions."""
        urls = mentions.urls(text, self.chat.prompt.composer.tokens.find(text))
        if urls:
            wanted = tuple(Wanted(url.path, text[url.start : url.end]) for url in urls)
            self._start(self._into_composer(FetchInto(wanted, send=True)))
        return bool(urls)

    def _start(self, work: Coroutine[Any, Any, object]) -> None:
        self.chat.start(work, "fetch", exclusive=False)

    async def _into_composer(self, into: FetchInto) -> None:
        prompt = self.chat.prompt

        def put(url: str, image: ImagePart) -> None:
            for each in into.wanted:
                if each.url == url:
                    prompt.insert([image], each.instead)

        urls = tuple(dict.fromkeys(each.url for each in into.wanted))
        declined = picture_commands.NOT_FETCHED if into.send else ""
        if await self._fetch(urls, put, declined) and into.send:
            self.chat.screen.post_message(Prompt.Submitted(prompt.text))

    async def _for_command(self, wants: WantsFetch) -> None:
        found: dict[str, ImagePart] = {}
        try:
            if await self._fetch(wants.urls, found.__setitem__):
                await self.chat.commands.change(lambda context: wants.then(context, found))
        finally:
            if len(found) < len(wants.urls) and not self.chat.prompt.text:
                self.chat.prompt.text = wants.typed

    async def _fetch(self, urls: Sequence[str], put: Put, declined: str = "") -> bool:
        """Ask whether pictures may be fetched, and fetch them; `put` takes each as it has come.

        Returns:
            Whether all have come. Where not, the user was told why, and `declined` after a no.
        """
        from vlmtui.chat import fetch

        prompt = self.chat.prompt
        if self._cancelled is not None:
            prompt.say("Pictures are being fetched already", "Esc cancels that")
            return False
        self._cancelled = cancelled = threading.Event()
        try:
            prompt.say()
            if not await prompt.ask(picture_commands.fetch_question(urls)):
                prompt.say("Nothing was fetched", declined)
                return False
            prompt.say("Fetching", self._cancel_hint())
            self._loading = True
            for url in urls:
                tell = self._teller(url, cancelled)
                get = partial(picture_commands.fetched, progress=tell, cancelled=cancelled)
                put(url, await self.chat.on_session(partial(get, reference=url)))
        except fetch.Cancelled:
            prompt.say("Cancelled; nothing more was fetched")
            return False
        finally:
            self._cancelled, self._loading = None, False
        prompt.say()
        return True

    def _teller(self, url: str, cancelled: threading.Event) -> Callable[[int, int | None], None]:
        """Tells the progress, not too often."""
        from vlmtui.chat import fetch

        host, last = fetch.host_of(url), 0.0

        def tell(done: int, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last > _PROGRESS_SECONDS:
                last = now
                of = f" of {units.size(total)}" if total is not None else ""
                self.chat.screen.call_later(say, f"Fetching from {host}: {units.size(done)}{of}")

        def say(progress: str) -> None:
            if self._cancelled is cancelled and not cancelled.is_set():
                self.chat.prompt.say(progress, self._cancel_hint())

        return tell

    def _stop(self) -> bool:
        """Cancel what is being fetched; False when there is nothing."""
        if self._cancelled is None or not self._loading:
            return False
        self._cancelled.set()
        return True

    def _cancel_hint(self) -> str:
        key = keymap.keys_of(self.chat.screen.app, "chat.stop", "escape")
        return f"{printable.line(key)} cancels"
