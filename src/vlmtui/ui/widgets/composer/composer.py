"""Where a message is written: several lines, Enter sends, its border tells keys and costs.

Knows paths only as text: it says what is being typed and takes what should stand there instead.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._time import get_time
from textual.binding import Binding, BindingType
from textual.keys import Keys
from textual.message import Message
from textual.reactive import var
from textual.widgets import TextArea

from vlmtui import printable
from vlmtui.stats.engine_state import BUSY, Phase
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.widgets.composer.token_area import TokenArea

if TYPE_CHECKING:
    from textual.widget import Widget

# Terminals send Alt+Enter as escape and return, which Textual reads as plain Enter: a half-written
# message would be sent. Ctrl+J, the other key for a new line, is what it means here.
ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (Keys.ControlJ,))  # type: ignore[attr-defined] # a dict


MOST_PASTED = 2_000_000
"""Characters. A longer text is refused: no context has room for it."""

_DECIDED_SECONDS = 2.0
"""Longest time for which keys behind Enter wait until what was sent has been taken, or refused."""

_ELSEWHERE = {"f6": "alt+l", "f7": "alt+a"}
"""Other keys for those of the text field that the chat's screen has: next pane, pictures."""


def _editing() -> list[BindingType]:
    """The text field's own keys, with ids by which the settings can change them."""
    bindings: list[BindingType] = []
    for binding in TextArea.BINDINGS:
        assert isinstance(binding, Binding)
        action = binding.action.replace("(True)", "_select")
        key = _ELSEWHERE.get(binding.key, binding.key)
        bindings.append(replace(binding, key=key, id=f"edit.{action}"))
    return bindings


SEEING = "Ask about a picture; @path attaches one"
BLIND = "Ask anything"
"""What stands in an empty composer, for a model that sees pictures and for one that doesn't."""


class Composer(TokenArea, inherit_bindings=False):
    """A text field that grows with its text."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 3;
        max-height: 10;
        border: round $border-blurred;
        background: $background;
        border-title-color: $text-dim;
        border-subtitle-color: $text-dim;

        &:focus {
            border: round $border;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="composer.send"),
        Binding("ctrl+j,alt+enter,shift+enter", "new_line", "New line", id="composer.newline"),
        Binding("tab", "complete", "Complete a path", id="composer.complete"),
        *_editing(),
    ]

    choose: Callable[[int], object] | None = None
    """Moves in the list of completions that is open, whose keys are not the text's then."""

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Pasted(Message):
        """Text came from the clipboard, or from a file that was dropped; it stands in the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PasteRefused(Message):
        """What was pasted is too long."""

    class CompletionWanted(Message):
        """Tab was pressed."""

    class RecallWanted(Message):
        """An earlier message is wanted (-1), or a later one."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    cost: var[str] = var("")
    """What the pictures in the text will take, in words."""

    other_keys: var[key_hints.Hints] = var(())
    """Keys of something else, while that has the keyboard: they stand in the border, too."""

    phase: var[Phase] = var(Phase.READY)
    """What the engine does: whether there is something to stop, and whether a message waits."""

    recalled: str | None = None
    """The text, when it is an earlier message that nobody has changed yet."""

    def __init__(self) -> None:
        self._undecided: asyncio.Event | None = None
        self._sent = ""
        self._decided_at = 0.0
        super().__init__(highlight_cursor_line=False, placeholder=SEEING)

    def on_mount(self) -> None:
        self._hint_at_keys()

    def watch_reading(self, fraction: float | None) -> None:
        super().watch_reading(fraction)
        self._tell()

    def watch_other_keys(self) -> None:
        self._hint_at_keys()

    def watch_phase(self) -> None:
        self._hint_at_keys()

    def watch_cost(self) -> None:
        self._tell()

    def _tell(self) -> None:
        """Say in the border what the pictures will cost, and how much is read ahead."""
        done = self.reading
        read = "" if done is None else "ready" if done == 1 else f"reading {done:.0%}"
        self.border_title = " · ".join(filter(None, (self.cost, read.replace("%", " %"))))

    def on_resize(self) -> None:
        self._hint_at_keys()

    def _hint_at_keys(self) -> None:
        busy = self.phase in BUSY
        stop = (keymap.keys_of(self.app, "chat.stop", "escape"), "stop")
        hints = self.other_keys or (
            *((stop,) if busy or self.phase is Phase.LOADING else ()),
            (keymap.keys_of(self.app, "composer.send", "enter"), "queue" if busy else "send"),
            (keymap.keys_of(self.app, "composer.newline", "ctrl+j"), "new line"),
            (keymap.keys_of(self.app, "app.help", "f1"), "help"),
        )
        key_hints.in_border(self, hints)

    async def _on_key(self, event: events.Key) -> None:
        # Textual looks bindings up in the app, behind the characters that are already on their way
        # here. Typed fast, Enter would send the beginning of the next message, and Backspace would
        # delete the wrong character.
        await self._taken(event, event.is_printable)
        for binding in keymap.bound(self).get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.prevent_default()
                event.stop()
                return
        # Keys that come faster than they are drawn are taken without a pause: signals, answers and
        # the screen would wait for the last of them.
        await asyncio.sleep(0)

    async def _taken(self, event: events.Event, writes: bool) -> None:
        """Wait until what was sent isn't here any more: keys that follow at once would join it.

        Where it was refused and stays, what had followed by then goes on a line of its own.
        """
        if self._undecided is None:
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._undecided.wait(), _DECIDED_SECONDS)
        self._undecided = None
        stays = self.text == self._sent and self.cursor_location == self.document.end
        if writes and stays and self._sent.strip() and event.time < self._decided_at:
            self.action_new_line()

    def decided(self) -> None:
        """What was sent has been taken out, or stays to be corrected."""
        if self._undecided is not None and not self._undecided.is_set():
            self._undecided.set()
            self._decided_at = get_time()

    def action_submit(self) -> None:
        self._undecided, self._sent, self._decided_at = asyncio.Event(), self.text, math.inf
        # not by way of our own queue, which stands still until that is decided
        cast("Widget", self.parent).post_message(self.Submitted(self.text))

    def action_new_line(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_complete(self) -> None:
        self.post_message(self.CompletionWanted())

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up, in the list of completions when one is open, to what was asked before."""
        if select or not self._moves(-1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down, in the list of completions when one is open, back from what was asked."""
        if select or not self._moves(1):
            super().action_cursor_down(select)

    def _moves(self, step: int) -> bool:
        """Move in a list, or in what was asked before; False where the text is meant."""
        if self.choose is not None:
            self.choose(step)
        elif self._recalls(step):
            self.post_message(self.RecallWanted(step))
        else:
            return False
        return True

    async def _on_paste(self, event: events.Paste) -> None:
        # what is pasted may come from anywhere, a web page with escape sequences included
        event.prevent_default()
        event.stop()
        await self._taken(event, writes=True)
        if len(event.text) > MOST_PASTED:
            self.post_message(self.PasteRefused())
            return
        text = printable.prose(event.text)
        self.history.checkpoint()
        if result := self._replace_via_keyboard(self._folded(text), *self.selection):
            self.move_cursor(result.end_location)
            self.history.checkpoint()
            self.post_message(self.Pasted(text.strip()))

    def _recalls(self, step: int) -> bool:
        """Whether the cursor leaves the text, and the text is nothing that could be lost."""
        text = self.text
        blank = not text[self.tokens.lead(text) :].strip()
        if text != self.recalled and not (blank and step < 0):
            return False
        row = self.wrapped_document.location_to_offset(self.cursor_location).y
        return row == (0 if step < 0 else self.wrapped_document.height - 1)
