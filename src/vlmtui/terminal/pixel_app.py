"""An application that finds out how its terminal shows pictures, and shows them so.

What a terminal holds for us can get lost: while the application was stopped another program may
have cleared it, and tmux may have been attached to another terminal. Then everything is found out,
sent and drawn again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen

from vlmtui.terminal import kitty
from vlmtui.terminal.driver import TerminalDriver
from vlmtui.terminal.graphics import Detection, Graphics, Kind, Tmux
from vlmtui.terminal.overlay import Overlay
from vlmtui.terminal.paced_app import PacedApp
from vlmtui.terminal.terminal_replies import TerminalReplied

if TYPE_CHECKING:
    from rich.console import RenderableType

_ATTACHED_SECONDS = 1.0
"""Between two looks at whether tmux has another terminal."""


class PixelApp(PacedApp):
    """Asks the terminal once the first paint is over.

    Until it replies, and where it never does, pictures are half blocks.

    Attributes:
        overlay: Where sixel pictures are put, once there is one.
    """

    graphics: reactive[Graphics] = reactive(Graphics())
    """How pictures are shown. Widgets watch it."""

    pictures_lost: reactive[int] = reactive(0)
    """How often the terminal may have lost what it held for us. Widgets watch it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "redraw", "Redraw the screen", id="app.redraw"),
        # what edits text has this key for undoing
        Binding("ctrl+z", "suspend", "Suspend; fg continues", id="app.suspend"),
    ]

    def __init__(self, *, images: str = "auto", **options: Any) -> None:
        """Make the application; `images` is one of `vlmtui.terminal.graphics.NAMES`."""
        super().__init__(**options)
        self.overlay: Overlay | None = None
        self._images = images
        self._detection: Detection | None = None
        self._kitty = kitty.Pictures()
        self._attached_at = 0
        self._lost = False
        if images not in ("auto", "kitty", "sixel"):  # the terminal need not be asked
            self.set_reactive(PixelApp.graphics, Graphics(Kind(images)))

    def action_suspend(self) -> None:
        """Stop as a job of the shell; where no shell could continue it, nothing happens."""
        if isinstance(self._driver, TerminalDriver) and os.getpgrp() != os.getsid(0):
            os.kill(os.getpid(), signal.SIGTSTP)

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """Let something else have the terminal, and take it back even where that fails."""
        failed: Exception | None = None
        with super().suspend():  # an exception in it would leave the screen blank and deaf
            try:
                yield
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed

    def detect_graphics(self) -> None:
        """Begin to find out; called when the screen has been painted."""
        if not isinstance(self._driver, TerminalDriver):
            return  # there is no terminal
        self.app_resume_signal.subscribe(self, self._take_terminal_back)
        self._detection = Detection(self._images, os.environ, self._driver.cell())
        self.graphics = self._detection.graphics
        self._ask()
        if self._detection.in_tmux:
            self._attached_at = _attached_at()
            self.set_interval(_ATTACHED_SECONDS, self._look_at_tmux)

    def _ask(self) -> None:
        if self._detection is not None and self._detection.needs_tmux:
            self._ask_tmux()
        elif self._detection is not None:
            self.say(self._detection.ask())
            self._decide(self._detection)

    def _take_terminal_back(self, _: object = None) -> None:
        """Somebody else had the terminal, or it is another one now."""
        if isinstance(self._driver, TerminalDriver):
            self._detection = Detection(self._images, os.environ, self._driver.cell())
            self._lost = True
            self._ask()
        self.refresh(layout=True)  # all of it: Textual draws only what has changed since

    def action_redraw(self) -> None:
        """Draw everything, after something else has written to the terminal or reset it."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.set_modes()
        self._take_terminal_back()

    def on_resize(self, event: events.Resize) -> None:
        """Draw everything where the size is the one that was drawn for.

        The terminal had another one for a moment, and has cut off or moved what was drawn.
        """
        if self._detection is not None and event.size == self.screen.size:
            self.refresh(layout=True)

    def _look_at_tmux(self) -> None:
        at = _attached_at()
        if at != self._attached_at:
            self._attached_at = at
            self._take_terminal_back()

    @work(exclusive=True, group="tmux", exit_on_error=False)
    async def _ask_tmux(self) -> None:
        tmux = await asyncio.to_thread(Tmux.ask)
        if self._detection is not None and tmux.attached:
            self.say(self._detection.tmux_said(tmux))
            self._decide(self._detection)

    def on_terminal_replied(self, event: TerminalReplied) -> None:
        super().on_terminal_replied(event)
        if self._detection is not None:
            self.say(self._detection.take(event.reply))
            self._decide(self._detection)

    def _decide(self, detection: Detection) -> None:
        if not detection.decided:
            return  # what was known before may still be right
        if self._lost:
            self._lost = False
            self._command(self._kitty.forget())
            self.pictures_lost += 1
        self.graphics = detection.graphics

    def watch_graphics(self, graphics: Graphics) -> None:
        """Have a place for sixels where the terminal takes them."""
        if graphics.kind is Kind.SIXEL and self.overlay is None:
            self.overlay = Overlay(self, self.put, thrifty=graphics.thrifty)

    def place(self, sha256: str, columns: int, rows: int, png: str) -> int:
        """Let the terminal hold a picture for `kitty.strips`; returns its id."""
        number = self._kitty.find(sha256, columns, rows)
        if number is None:
            chunk = kitty.SMALL_CHUNK if self.graphics.thrifty else kitty.CHUNK
            number, commands = self._kitty.send(sha256, columns, rows, png, chunk)
            self._command(commands)
        return number

    def _command(self, commands: list[str]) -> None:
        if self.graphics.wrapped:
            commands = [kitty.wrap(command) for command in commands]
        self.send(commands)

    def _show(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._show(screen, renderable)
        if self.overlay is not None:
            self.overlay.displayed(renderable)

    def on_unmount(self) -> None:
        """Take our pictures out of the terminal, and wait for no more."""
        if thumbnails := sys.modules.get("vlmtui.engine.thumbnails"):  # once it was needed
            thumbnails.give_up()
        commands = self._kitty.forget()
        self.say("".join(map(kitty.wrap, commands) if self.graphics.wrapped else commands))


def _attached_at() -> int:
    """When the first terminal came to tmux or the last one left, as tmux marks its socket then."""
    socket = os.environ.get("TMUX", "").partition(",")[0]
    try:
        return os.stat(socket).st_ctime_ns
    except OSError:
        return 0
