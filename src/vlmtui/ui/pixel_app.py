"""An application that finds out how its terminal shows pictures, and shows them so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import App
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from vlmtui.ui import kitty
from vlmtui.ui.graphics import Detection, Graphics, Kind, Tmux
from vlmtui.ui.overlay import Overlay
from vlmtui.ui.replies import TerminalReplied
from vlmtui.ui.terminal import TerminalDriver

if TYPE_CHECKING:
    from rich.console import RenderableType

_TMUX_SECONDS = 5.0


class PixelApp(App[int]):
    """Asks the terminal once the first paint is over.

    Until it replies, and where it never does, pictures are half blocks.

    Attributes:
        overlay: Where sixel pictures are put, once there is one.
    """

    graphics: reactive[Graphics] = reactive(Graphics())
    """How pictures are shown. Widgets watch it."""

    class TmuxAnswered(Message):
        """tmux said what it can do."""

        def __init__(self, tmux: Tmux) -> None:
            super().__init__()
            self.tmux = tmux

    def __init__(self, *, images: str = "auto", **options: Any) -> None:
        """Make the application.

        Args:
            images: One of `vlmtui.ui.graphics.NAMES`.
            options: For Textual.
        """
        super().__init__(**options)
        self.overlay: Overlay | None = None
        self._images = images
        self._detection: Detection | None = None
        self._kitty = kitty.Pictures()
        if images in ("none", "halfblock"):
            self.set_reactive(PixelApp.graphics, Graphics(Kind(images)))

    def detect_graphics(self) -> None:
        """Begin to find out; called when the screen has been painted."""
        driver = self._driver
        if not isinstance(driver, TerminalDriver):
            return  # there is no terminal
        self._detection = Detection(self._images, os.environ, driver.cell())
        self.graphics = self._detection.graphics
        if self._detection.needs_tmux:
            self._ask_tmux()
        else:
            self._say(self._detection.ask())

    @work(thread=True, exclusive=True, group="tmux", exit_on_error=False)
    def _ask_tmux(self) -> None:
        import subprocess  # not needed for the first paint

        try:
            done = subprocess.run(
                [
                    "tmux",
                    "display-message",
                    "-p",
                    "-t",
                    os.environ.get("TMUX_PANE", ""),
                    Tmux.QUERY,
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TMUX_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return
        self.post_message(self.TmuxAnswered(Tmux.read(done.stdout.decode(errors="replace"))))

    def on_pixel_app_tmux_answered(self, event: TmuxAnswered) -> None:
        """Decide, or ask further."""
        if self._detection is not None:
            self._say(self._detection.tmux_said(event.tmux))
            self.graphics = self._detection.graphics

    def on_terminal_replied(self, event: TerminalReplied) -> None:
        """Decide, or ask further."""
        if self._detection is not None:
            self._say(self._detection.take(event.reply))
            self.graphics = self._detection.graphics

    def watch_graphics(self, graphics: Graphics) -> None:
        """Have a place for sixels where the terminal takes them."""
        if graphics.kind is Kind.SIXEL and self.overlay is None:
            self.overlay = Overlay(self, self._say, thrifty=graphics.thrifty)

    def place(self, sha256: str, columns: int, rows: int, png: str) -> int:
        """Let the terminal hold a picture for `kitty.strips`; returns its id."""
        number = self._kitty.find(sha256, columns, rows)
        if number is None:
            number, commands = self._kitty.send(sha256, columns, rows, png)
            self._command(commands)
        return number

    def _command(self, commands: list[str]) -> None:
        if self.graphics.wrapped:
            commands = [kitty.wrap(command) for command in commands]
        self._say("".join(commands))

    def _say(self, text: str) -> None:
        if text and self._driver is not None and not self.is_headless:
            self._driver.write(text)
            self._driver.flush()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        if self.overlay is not None:
            self.overlay.displayed(renderable)

    def on_unmount(self) -> None:
        """Take our pictures out of the terminal."""
        self._command(self._kitty.forget())
