"""The Textual application: themes, the chat screen, hardware readings, leaving without a loss."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual._context import active_message_pump
from textual.app import ScreenStackError
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.widget import MountError
from textual.worker import Worker

from vlmtui import crash_log, printable
from vlmtui.errors import VlmtuiError
from vlmtui.terminal.clipboard import ClipboardApp
from vlmtui.terminal.driver import TerminalDriver
from vlmtui.terminal.early_input import EarlyInput
from vlmtui.terminal.pixel_app import PixelApp
from vlmtui.ui.keys import keymap
from vlmtui.ui.keys.app_keys import AppKeys
from vlmtui.ui.leaving import Leaving
from vlmtui.ui.screens.chat.arrangement import too_small
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.screens.chat.conversation_topic import OpenFailed
from vlmtui.ui.screens.mended_screen import is_going
from vlmtui.ui.themes.app_themes import AppThemes
from vlmtui.ui.themes.theme_files import LoadedThemes

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.hardware.base import Snapshot
    from vlmtui.hardware.monitor import Monitor

_TWICE_SECONDS = 3.0
"""Longest time between two Ctrl+C that mean to quit."""

_TITLE = 60
"""Longest title of a chat in the window's, in characters."""


MonitorFactory = Callable[[Callable[["Snapshot"], None]], "Monitor"]


class VlmtuiApp(ClipboardApp, AppKeys, AppThemes, EarlyInput, PixelApp):
    """The chat client. Returns the exit code of the process.

    Attributes:
        failure: Why there could be no chat, or None.
        farewell: How to come back to what was being talked about; empty where nothing was.
    """

    TITLE = "vlmtui"
    ENABLE_COMMAND_PALETTE = False
    # Text in a column of no width can't be laid out: Rich divides by it. What lies over the chat is
    # never that narrow, but cut off, when a terminal is made so small that it can only say so.
    # What is told in passing stands above the chat, not over the composer and the status line.
    CSS = """
    * {
        scrollbar-size-vertical: 1;
    }
    .text-area--placeholder, .input--placeholder {
        color: $text-dim;
    }
    ModalScreen > * {
        min-width: 36;
    }
    TooSmallScreen > * {
        min-width: 1;
    }
    ToastRack {
        dock: top;
        align: right top;
        margin: 1 0 0 0;
    }
    Toast {
        max-width: 80%;
        margin: 0 1 1 0;
        padding: 0 1;
        background: $panel;
    }
    Toast .toast--title {
        color: $foreground;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True),
        Binding("ctrl+c", "interrupt", "Stop; press twice to quit", id="app.interrupt"),
    ]

    def __init__(
        self,
        chat: ChatScreen,
        themes: LoadedThemes,
        *,
        monitor: MonitorFactory | None = None,
        theme: str = "",
        theme_directory: Path | None = None,
        keys: Mapping[str, str] | None = None,
        config: Path | None = None,
        images: str = "auto",
        finish_seconds: float = 0.0,
    ) -> None:
        """Make the application; nothing is loaded before it is on the screen.

        Args:
            chat: What it shows.
            themes: The themes, and what was wrong with others.
            monitor: Makes what watches the hardware; None shows no hardware readings.
            theme: Name of the theme to use; empty for the one that was chosen last.
            theme_directory: Where the user's own themes are, to notice changes.
            keys: Keys by the ids of bindings, instead of the default ones.
            config: The settings file, for complaints about it.
            images: How pictures are shown: one of `vlmtui.terminal.graphics.NAMES`.
            finish_seconds: How long an answer may go on when the terminal is gone.
        """
        super().__init__(images=images, driver_class=TerminalDriver)
        self.take_keys(keys or {}, config)
        self.failure: VlmtuiError | None = None
        self._make_monitor = monitor
        self._monitor: Monitor | None = None
        self._noted: set[str] = set()
        self.take_themes(themes, theme, theme_directory, chat.memory)
        self.farewell = ""
        self._interrupted = -_TWICE_SECONDS
        self.chat = chat
        self._leaving = Leaving(self, self._close, chat.topics.cancel, finish_seconds)

    def get_default_screen(self) -> ChatScreen:
        """The chat, and not a blank screen that would be painted before it."""
        self.chat.expect_width(self.size.width)
        return self.chat

    def on_mount(self) -> None:
        """Watch the hardware once the chat is painted."""
        self._leaving.catch_signals()
        self.call_after_refresh(self._after_first_paint)

    def _after_first_paint(self) -> None:
        gc.freeze()  # what was imported stays
        gc.enable()  # off since `__main__`
        self.detect_graphics()
        self.check_keys()
        self.follow_themes()
        if self._make_monitor is not None:

            def take(snapshot: Snapshot) -> None:
                self.call_later(self.take_snapshot, snapshot)

            self._monitor = self._make_monitor(take)
            self._monitor.start()

    def watch_sub_title(self, chat: str) -> None:
        """Name the terminal's window after the chat."""
        if isinstance(self._driver, TerminalDriver):
            title = printable.line(chat, _TITLE)
            self._driver.name_window(f"{title} – {self.TITLE}" if title else self.TITLE)

    def on_resize(self, event: events.Resize) -> None:
        """Below a certain size there is nothing but the wish for a larger one."""
        if not too_small(event.size):
            return
        from vlmtui.ui.screens.dialogs.too_small import TooSmallScreen

        if not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Hand the readings down; say once what can't be measured any more."""
        self.chat.snapshot = snapshot
        for note in snapshot.notes:
            if note not in self._noted:
                self._noted.add(note)
                self.notify(printable.line(note), severity="warning", markup=False)

    def on_open_failed(self, event: OpenFailed) -> None:
        """Leave; whoever runs the application tells why."""
        self.failure = event.error
        self.exit(event.error.exit_code)

    async def action_quit(self) -> None:
        """Save everything, end the engine, leave; asks first where something can't be saved."""
        from vlmtui.ui.screens.dialogs.yes_or_no import YesOrNo

        why = self.chat.conversation.unsaved()
        if not why:
            await self._leaving.leave(0)
            return

        async def answered(yes: bool | None) -> None:
            if yes:
                await self.chat.conversation.discard()
                await self._leaving.leave(0)

        if isinstance(self.screen, YesOrNo):  # a second time means it
            await answered(True)
            return

        await self.push_screen(YesOrNo(f"{why}. Quit all the same?"), answered)

    def _close(self, finish_seconds: float) -> Worker[Any]:
        if self._monitor is not None:
            self._monitor.stop()
        if (asked := self.chat.asked) is not None and self.chat.conversation.is_saved:
            self.farewell = f"`vlmtui -c` continues “{printable.line(asked.title)}”"
        return self.chat.conversation.leave(finish_seconds)

    def _handle_exception(self, error: Exception) -> None:
        """End with an error that is in the log.

        What a screen or widget couldn't do because it is being taken away is none: Textual takes
        away the children first and then handles what is still queued for the parent, such as a new
        size.
        """
        late = isinstance(error, NoMatches | NoScreen | ScreenStackError | MountError)
        ending = self._exit or (self._dom_ready and not self._running)
        if not (late and (ending or is_going(active_message_pump.get(None)))):
            self.failure = crash_log.recorded(error)
            super()._handle_exception(error)
            # with what is in the variables, texts of messages among it: whoever runs this tells
            self._exit_renderables.clear()

    def on_unmount(self) -> None:
        self._leaving.release_signals()

    async def action_interrupt(self) -> None:
        """Ctrl+C with nothing selected: stop the answer, or else quit at the second time."""
        now, before = time.monotonic(), self._interrupted
        if self.chat.engine_state.busy:
            self.chat.action_stop()
        elif now - before < _TWICE_SECONDS:
            await self.action_quit()
        else:
            self._interrupted = now
            key = keymap.keys_of(self.chat.app, "app.interrupt", "ctrl+c")
            if self.screen is self.chat:
                self.chat.prompt.say(f"{key} again quits", "Nothing is lost")
            else:
                self.notify(f"{key} again quits", timeout=_TWICE_SECONDS, markup=False)
