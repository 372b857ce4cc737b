"""The terminal that Textual draws on: it survives its own end, has a title, and can be asked.

When a terminal goes away (a closed window, a lost SSH connection), writing to it fails. That kills
Textual's writing thread, its queue fills up, and the application hangs before it could save all.
"""

from __future__ import annotations

import array
import asyncio
import codecs
import fcntl
import io
import os
import select
import signal
import termios
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textual import constants
from textual.drivers.linux_driver import (
    KITTY_DISAMBIGUATE_ESCAPE_CODES,
    KITTY_REPORT_ALL_KEYS,
    KITTY_REPORT_ASSOCIATED_TEXT,
    LinuxDriver,
)

from vlmtui import printable
from vlmtui.terminal.bracketed_paste import PasteParser
from vlmtui.terminal.flow_control import REPLY, FlowControl, is_far
from vlmtui.terminal.terminal_replies import TerminalReplied

if TYPE_CHECKING:
    from typing import TextIO

    from textual.app import App
    from textual.message import Message

_DUMB = frozenset({"", "dumb", "unknown", "emacs"})
"""Terminals that print a question instead of replying."""

_WITHOUT_TITLE = frozenset({"", "dumb", "linux"})
_LONGEST_TITLE = 80


_BLOCKED_SECONDS = 0.05
"""A write that takes longer waited for the other end."""

_SLOW_SECONDS = 10.0
"""After such a write the link counts as slow for this long."""


_KEYBOARD = KITTY_DISAMBIGUATE_ESCAPE_CODES | KITTY_REPORT_ALL_KEYS | KITTY_REPORT_ASSOCIATED_TEXT
"""What Textual wants of kitty's keyboard protocol."""

_LAST_REPLY_SECONDS = 3.0
"""Longest time that leaving waits for a reply that is on its way."""

_LOOK_SECONDS = 0.01

_TICK_SECONDS = 0.1
"""Between two looks at the clock while nothing is typed: a lone Esc is a key by then."""

_READ_BYTES = 65_536


class HangupSafe:
    """A text file whose writes are lost, not failing, once its terminal has gone.

    It also notices when the other end doesn't take what is written: then the link is slow.

    Attributes:
        gone: Something couldn't be written.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._began: float | None = None
        self._slow_until = 0.0
        self.gone = False

    @property
    def slow(self) -> bool:
        """The other end has let a write wait, now or a few seconds ago."""
        now, began = time.monotonic(), self._began
        return now < self._slow_until or (began is not None and now - began > _BLOCKED_SECONDS)

    def write(self, text: str) -> int:
        """Write as far as there is somebody to read it."""
        with self._timed():
            try:
                return self._file.write(text)
            except OSError:
                self.gone = True
        return len(text)

    def flush(self) -> None:
        with self._timed():
            try:
                self._file.flush()
            except OSError:
                self.gone = True

    @contextmanager
    def _timed(self) -> Iterator[None]:
        self._began = began = time.monotonic()
        try:
            yield
        finally:
            self._began = None
            now = time.monotonic()
            if now - began > _BLOCKED_SECONDS:
                self._slow_until = now + _SLOW_SECONDS

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class TerminalDriver(LinuxDriver):
    """Textual's driver on a `HangupSafe` file, which also names the terminal's window.

    Attributes:
        flow: What is on its way to the terminal; None where it can't be asked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self._file, io.TextIOWrapper):
            # Terminals speak UTF-8 today, also where the locale says something else; what that
            # lacks would be drawn as "\\u2500"
            self._file.reconfigure(encoding="utf-8", errors="replace")
        self._file = HangupSafe(self._file)  # type: ignore[assignment, arg-type] # as good as a file
        self._title = ""
        self._away = False
        self.flow = (
            None if os.environ.get("TERM", "") in _DUMB else FlowControl(far=is_far(os.environ))
        )
        # The Linux console and dumb terminals have no title, and may print what they are told.
        self._has_title = os.environ.get("TERM", "") not in _WITHOUT_TITLE

    @property
    def slow(self) -> bool:
        """The terminal, or the line to it, doesn't keep up with what is written."""
        file: object = self._file
        blocked = isinstance(file, HangupSafe) and file.slow
        return blocked or (self.flow is not None and self.flow.slow)

    def write(self, data: str) -> None:
        if self._away:  # the thread has gone; all is drawn anew when we come back
            return
        if self.flow is not None:
            self.flow.sent(len(data))
        super().write(data)

    def disable_input(self) -> None:
        """Let replies come that are on their way: the shell would take them for keys."""
        self._await_replies()
        super().disable_input()

    def _await_replies(self) -> None:
        file: object = self._file
        if self.flow is None or self._key_thread is None or self.exit_event.is_set():
            return
        deadline = time.monotonic() + _LAST_REPLY_SECONDS
        while self.flow.waiting and time.monotonic() < deadline:
            if isinstance(file, HangupSafe) and file.gone:
                return
            time.sleep(_LOOK_SECONDS)

    def name_window(self, title: str) -> None:
        """Name the window, or the pane of tmux, until the application is left."""
        self._title = printable.line(title, _LONGEST_TITLE)
        if self._writer_thread is not None:
            self._write_title()

    def start_application_mode(self) -> None:
        """Put the title of before aside: the terminal keeps a stack of them."""
        self._catch_stops()
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual's
        if self._has_title and self._writer_thread is not None:
            self.write("\x1b[22;2t")
            self._write_title()

    def _catch_stops(self) -> None:
        """Have the event loop obey Ctrl+Z and `fg`.

        Textual obeys at once, in the middle of whatever runs. Where that was handing text to the
        writing thread, it waits for itself for ever, deaf to everything, also to a hangup.
        """
        if threading.current_thread() is threading.main_thread():  # elsewhere nobody can
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTSTP, self._stop)
            loop.add_signal_handler(signal.SIGCONT, self._go_on)

    def _stop(self) -> None:
        if self._auto_restart and not self._must_signal_resume:
            self.suspend_application_mode()
            self._away = self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        if self._must_signal_resume:
            self._away = False
            self.resume_application_mode()
            self._away = self._must_signal_resume  # it stays, where this was `bg` and not `fg`
        elif self._auto_restart and self._writer_thread is not None:
            # stopped without being asked, so never left: to enter once more would read keys twice
            self.process_message(self.SignalResume())

    def stop_application_mode(self) -> None:
        """Give the title of before back."""
        if self._has_title and self._writer_thread is not None:
            self.write("\x1b[23;2t")
        super().stop_application_mode()

    def set_modes(self) -> None:
        """Switch on again what a reset of the terminal has switched off; otherwise harmless."""
        if self._writer_thread is None:
            return
        self.write("\x1b[?1049h\x1b[?25l\x1b[?1004h")
        if not constants.DISABLE_KITTY_KEY:
            self.write(f"\x1b[={_KEYBOARD};1u")  # not pushed once more: leaving takes one back
        self._enable_bracketed_paste()
        self._disable_line_wrap()
        self._enable_mouse_support()
        self._query_in_band_window_resize()
        self._write_title()

    def _write_title(self) -> None:
        if self._has_title and self._title:
            self.write(f"\x1b]2;{self._title}\x07")

    def run_input_thread(self) -> None:
        """Read what is typed, with pastes and the terminal's replies taken out of it.

        Textual's own way ends the application at bytes that are not UTF-8, as a terminal with
        another encoding sends them, and reads without a pause from a terminal that is gone.
        """
        parser = PasteParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], _TICK_SECONDS)[0]:
                typed = self._read()
                if not typed:  # nobody types here any more, whether or not the kernel says so
                    os.kill(os.getpid(), signal.SIGHUP)
                    return
                self._process(parser.feed(decode(typed)))
            self._process(parser.tick())

    def _read(self) -> bytes:
        """What was typed; nothing at the end of the terminal."""
        try:
            return os.read(self.fileno, _READ_BYTES)
        except OSError:
            return b""

    def _process(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, TerminalReplied) and message.reply == REPLY and self.flow:
                self.flow.replied()
            self.process_message(message)

    def cell(self) -> tuple[int, int] | None:
        """Width and height of a cell in pixels, where the terminal device knows."""
        size = array.array("H", [0, 0, 0, 0])
        try:
            fcntl.ioctl(self.fileno, termios.TIOCGWINSZ, size)
        except OSError:
            return None
        rows, columns, width, height = size
        if min(size) < 1 or width < 2 * columns or height < 2 * rows:
            return None
        return width // columns, height // rows


def is_slow(app: App[Any]) -> bool:
    """Whether an application's terminal doesn't keep up."""
    return isinstance(app._driver, TerminalDriver) and app._driver.slow
