"""What a terminal replies to our questions, taken out of what the user types.

Textual's parser would hand replies that it doesn't know on as typed text, so they are taken out in
front of it, whenever they come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.message import Message

from vlmtui.terminal import flow_control
from vlmtui.terminal.graphics import REPLIES

_REPLY = re.compile(f"{REPLIES.pattern}|{re.escape(flow_control.REPLY)}")
_BEGUN = re.compile(r"\x1b(\[0|\[\?[\d;]*|\[6;[\d;]*|P>(\|[^\x1b]*\x1b?)?|_G[^\x1b]*\x1b?)\Z")
"""The first part of a reply that was torn apart on its way. A lone Esc is the key."""

_TIMEOUT = 1.0
"""Seconds to wait for the rest."""


class TerminalReplied(Message):
    """The terminal replied to a question."""

    def __init__(self, reply: str) -> None:
        super().__init__()
        self.reply = reply


class ReplyParser(XTermParser):
    """Textual's parser of what comes from the terminal, behind one that takes the replies out."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._held = ""
        self._held_since = 0.0

    def feed(self, data: str) -> Iterable[Message]:
        """Parse what was read; "" is the end."""
        if not data:
            yield from self._release()
            yield from super().feed(data)
            return
        data = self._held + data
        self._held = ""
        if "\x1b" not in data:
            yield from super().feed(data)
            return
        start = 0
        for match in _REPLY.finditer(data):
            if match.start() > start:
                yield from super().feed(data[start : match.start()])
            yield TerminalReplied(match[0])
            start = match.end()
        rest = data[start:]
        if torn := _BEGUN.search(rest):
            self._held, self._held_since = torn[0], get_time()
            rest = rest[: torn.start()]
        if rest:
            yield from super().feed(rest)

    def tick(self) -> Iterable[Message]:
        """Called about ten times a second: what is held back too long was no reply."""
        if self._held and get_time() - self._held_since >= _TIMEOUT:
            yield from self._release()
        yield from super().tick()

    def _release(self) -> Iterable[Message]:
        held, self._held = self._held, ""
        if held:
            yield from super().feed(held)
