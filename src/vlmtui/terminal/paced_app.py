"""An application that draws no faster than its terminal can take it.

Over a narrow line a frame is written row by row, as what was sent before arrives. What has the
focus goes in front of the rest, so that keys are echoed at once; pictures go behind it. Whatever
changes meanwhile is drawn with the next frame, as it is then: frames are left out, not queued.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen

from vlmtui.terminal import flow_control
from vlmtui.terminal.driver import TerminalDriver
from vlmtui.terminal.flow_control import FlowControl
from vlmtui.terminal.terminal_replies import TerminalReplied

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.timer import Timer

_LONGEST_SECONDS = 3.0

_AGAIN_SECONDS = 1.0
"""Between two looks at whether a reply that doesn't come is lost."""


class _Row(msgspec.Struct, frozen=True):
    """A part of a row of cells that is still to be drawn."""

    y: int
    left: int
    right: int
    text: str

    @property
    def region(self) -> Region:
        return Region(self.left, self.y, self.right - self.left, 1)


class _Rows(ChopsUpdate):
    """Rows whose text is already made."""

    def __init__(self, rows: list[_Row]) -> None:
        super().__init__([], [(row.y, row.left, row.right) for row in rows], [])
        self._text = "".join(row.text for row in rows)

    def render_segments(self, console: Console) -> str:
        return self._text


class PacedApp(App[int]):
    """Asks the terminal how far it is, and waits for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._first: list[_Row] = []
        self._rest: list[_Row] = []
        self._behind: deque[str] = deque()
        self._drawn_for: Screen[Any] | None = None
        self._again: Timer | None = None

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """What shows through the screen on top: nothing, where that lets nothing through.

        Textual would draw the whole of it anew whenever anything changes beneath it.
        """
        on_top = self._screen_stack[-1:]
        opaque = bool(on_top) and on_top[0].styles.background.a == 1
        return [] if opaque else super()._background_screens

    @property
    def _flow(self) -> FlowControl | None:
        driver = self._driver
        return driver.flow if isinstance(driver, TerminalDriver) else None

    def send(self, commands: list[str]) -> None:
        """Write what nobody waits for, in these pieces, as the line takes them."""
        if self._flow is None:
            self.say("".join(commands))
        else:
            self._behind.extend(commands)
            self._go_on()

    def on_terminal_replied(self, event: TerminalReplied) -> None:
        if event.reply == flow_control.REPLY:
            self._go_on()

    def put(self, text: str) -> bool:
        """Write what can't be taken apart, unless everything else had to wait too long for it."""
        flow = self._flow
        if flow is not None and flow.narrow and len(text) > _LONGEST_SECONDS * flow.rate:
            return False
        self.say(text + (flow.ask() if flow is not None else ""))
        return True

    def say(self, text: str) -> None:
        if text and self._driver is not None and not self.is_headless:
            self._driver.write(text)
            self._driver.flush()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        flow = self._flow
        if flow is None or not isinstance(renderable, ChopsUpdate | LayoutUpdate):
            self._show(screen, renderable)
        elif flow.narrow or flow.available <= 0 or self._first or self._rest:
            self._take(screen, renderable)
            self._go_on()
        else:
            self._show(screen, renderable)
            self.say(flow.ask())

    def _show(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)

    def _take(self, screen: Screen[Any], update: ChopsUpdate | LayoutUpdate) -> None:
        """Take rows to be drawn; those that have to wait for the next frame are dirty again."""
        rows = _rows(update, self.console)
        if isinstance(update, LayoutUpdate) or screen is not self._drawn_for:
            self._first, self._rest = [], []
            self._drawn_for = screen
        focus = self.focused.region if self.focused is not None else Region()
        first = [row for row in rows if focus.overlaps(row.region)]
        newer = {row.y for row in first}
        late = [row for row in self._first + self._rest if row.y in newer]
        self._first = [row for row in self._first if row.y not in newer] + first
        self._rest = [row for row in self._rest if row.y not in newer]
        others = [row for row in rows if not focus.overlaps(row.region)]
        if self._rest:
            late += others
        else:
            self._rest = others
        screen._compositor._dirty_regions.update(row.region for row in late)

    def _go_on(self) -> None:
        """Draw as much as the line takes."""
        flow = self._flow
        if flow is None or not self._running or not self._screen_stack:
            return
        # an echo need not wait for all that it isn't allowed to stand behind
        while rows := self._first or self._rest:
            available = flow.available + (flow_control.LEAST_WINDOW if self._first else 0)
            if available <= 0:
                break
            piece = [rows.pop(0)]
            length = len(piece[0].text)
            while rows and length + len(rows[0].text) <= available:
                length += len(rows[0].text)
                piece.append(rows.pop(0))
            self._show(self.screen, _Rows(piece))
            self.say(flow.ask())
        if flow.available > 0 and self._drawn_for is not None:
            screen, self._drawn_for = self._drawn_for, None
            screen._compositor_refresh()  # what has become dirty meanwhile
        self._send_behind(flow)
        if self._again is None and (self._first or self._rest or self._drawn_for or self._behind):
            self._again = self.set_timer(_AGAIN_SECONDS, self._look_again)

    def _send_behind(self, flow: FlowControl) -> None:
        while self._behind and flow.available > 0 and not (self._first or self._rest):
            piece = [self._behind.popleft()]
            available = flow.available - len(piece[0])
            while self._behind and len(self._behind[0]) <= available:
                available -= len(self._behind[0])
                piece.append(self._behind.popleft())
            self.say("".join(piece) + flow.ask())

    def _look_again(self) -> None:
        self._again = None
        self._go_on()


def _rows(update: ChopsUpdate | LayoutUpdate, console: Console) -> list[_Row]:
    """The rows of an update, each by itself."""
    if isinstance(update, LayoutUpdate):
        x, top = update.region.offset
        return [
            _Row(
                y,
                x,
                update.region.right,
                LayoutUpdate([strips], Region(x, y, 1, 1)).render_segments(console),
            )
            for y, strips in enumerate(update.strips, top)
        ]
    return [
        _Row(*span, ChopsUpdate(update.chops, [span], update.chop_ends).render_segments(console))
        for span in update.spans
    ]
