"""The application's clipboard: what is copied anywhere in it reaches the user's own terminal."""

from __future__ import annotations

import os

from textual import work
from textual.app import App
from textual.message import Message

from vlmtui.terminal import clipboard


class AppClipboard(App[int]):
    """An application that copies through tmux and SSH."""

    class TmuxRefused(Message):
        """There is no tmux to be asked, or it didn't take the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def copy_to_clipboard(self, text: str) -> None:
        """Put a text on the clipboard of the terminal."""
        self._clipboard = text
        if os.environ.get("TMUX"):
            self._give_to_tmux(text)
        else:
            self._write_clipboard(text)

    @work(thread=True, exclusive=True, group="clipboard", exit_on_error=False)
    def _give_to_tmux(self, text: str) -> None:
        if not clipboard.give_to_tmux(text):
            self.post_message(self.TmuxRefused(text))

    def on_app_clipboard_tmux_refused(self, event: TmuxRefused) -> None:
        """Write to the terminal instead."""
        self._write_clipboard(event.text)

    def _write_clipboard(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(clipboard.sequence(text, os.environ))
