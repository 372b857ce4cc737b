"""The application's clipboard: what is copied anywhere in it reaches the user's own terminal."""

from __future__ import annotations

import os

from textual.app import App

from vlmtui.terminal import clipboard
from vlmtui.ui.background import in_thread


class AppClipboard(App[int]):
    """An application that copies through tmux and SSH."""

    def copy_to_clipboard(self, text: str) -> None:
        """Put a text on the clipboard of the terminal."""
        self._clipboard = text
        if os.environ.get("TMUX"):
            self.run_worker(self._give_to_tmux(text), group="clipboard", exclusive=True)
        else:
            self._write_clipboard(text)

    async def _give_to_tmux(self, text: str) -> None:
        if not await in_thread(lambda: clipboard.give_to_tmux(text)):
            self._write_clipboard(text)

    def _write_clipboard(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(clipboard.sequence(text, os.environ))
