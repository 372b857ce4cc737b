"""Where a message is written: several lines, Enter sends.

Knows paths only as text: it says what is being typed and takes what should stand there instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.keys import Keys
from textual.message import Message
from textual.reactive import var
from textual.widgets import TextArea

from vlmtui import printable
from vlmtui.ui import keymap

# Terminals send Alt+Enter as escape and return, which Textual reads as plain Enter: a half-written
# message would be sent. Ctrl+J, the other key for a new line, is what it means here.
ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (Keys.ControlJ,))  # type: ignore[attr-defined]


def _editing() -> list[BindingType]:
    """The text field's own keys, with ids by which the settings can change them."""
    bindings: list[BindingType] = []
    for binding in TextArea.BINDINGS:
        assert isinstance(binding, Binding)
        action = binding.action.replace("(True)", "_select")
        bindings.append(replace(binding, id=f"edit.{action}"))
    return bindings


class Composer(TextArea, inherit_bindings=False):
    """A text field that grows with its text."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 3;
        max-height: 10;
        border: round $border-blurred;
        background: $background;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        border-title-color: $text-dim;
        border-subtitle-color: $text-dim;

        &:focus {
            border: round $border;
            background-tint: transparent;
        }
        & .text-area--placeholder {
            color: $text-dim;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="composer.send"),
        Binding("ctrl+j,alt+enter,shift+enter", "new_line", "New line", id="composer.newline"),
        Binding("tab", "complete", "Complete a path", id="composer.complete"),
        *_editing(),
    ]

    choosing = var(False)
    """A list of completions is open: the keys that move in it are not the text's."""

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class BackspacedAtStart(Message):
        """Backspace was pressed where there is nothing before the cursor."""

    class CompletionWanted(Message):
        """Tab was pressed."""

    class Choosing(Message):
        """A key for the list of completions was pressed: up or down."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            soft_wrap=True,
            highlight_cursor_line=False,
            placeholder="Ask about a picture, @path attaches one",
            show_line_numbers=False,
        )

    def on_mount(self) -> None:
        """Name the keys in the border, as far as there is room."""
        keys = {
            "send": keymap.keys_of(self.app, "composer.send", "enter"),
            "new line": keymap.keys_of(self.app, "composer.newline", "ctrl+j"),
            "stop": keymap.keys_of(self.app, "chat.stop", "escape"),
            "help": keymap.keys_of(self.app, "app.help", "f1"),
        }
        self.border_subtitle = Content(" · ".join(f"{key} {does}" for does, key in keys.items()))

    @property
    def cursor_index(self) -> int:
        """Where the cursor is, as an index into `text`."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(i)) + 1 for i in range(row)) + column

    def put(self, text: str) -> str:
        """Replace everything, with the cursor at the end; can be undone. Returns what is there."""
        self.replace(printable.prose(text), (0, 0), self.document.end)
        self.move_cursor(self.document.end)
        return self.text

    def put_between(self, start: int, end: int, text: str) -> None:
        """Replace a part, given by indices into `text`, with the cursor behind it."""
        result = self.replace(text, self._location(start), self._location(end))
        self.move_cursor(result.end_location)

    def _location(self, index: int) -> tuple[int, int]:
        row = 0
        while index > (length := len(self.document.get_line(row))):
            index -= length + 1
            row += 1
        return (row, index)

    async def _on_key(self, event: events.Key) -> None:
        # Textual looks bindings up in the app, behind the characters that are already on their way
        # here. Typed fast, Enter would send the beginning of the next message, and Backspace would
        # delete the wrong character.
        for binding in keymap.bound(self).get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.prevent_default()
                event.stop()
                return

    def action_submit(self) -> None:
        """Send what is written."""
        self.post_message(self.Submitted(self.text))

    def action_new_line(self) -> None:
        """Begin a new line at the cursor."""
        self._replace_via_keyboard("\n", *self.selection)

    def action_complete(self) -> None:
        """Complete the path at the cursor."""
        self.post_message(self.CompletionWanted())

    def action_delete_left(self) -> None:
        """Delete to the left, or tell that there is nothing."""
        if self.cursor_location == (0, 0) and self.selection.is_empty:
            self.post_message(self.BackspacedAtStart())
        else:
            super().action_delete_left()

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up, in the list of completions when one is open."""
        if self.choosing and not select:
            self.post_message(self.Choosing(-1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down, in the list of completions when one is open."""
        if self.choosing and not select:
            self.post_message(self.Choosing(1))
        else:
            super().action_cursor_down(select)

    async def _on_paste(self, event: events.Paste) -> None:
        # what is pasted may come from anywhere, a web page with escape sequences included
        event.prevent_default()
        event.stop()
        if result := self._replace_via_keyboard(printable.prose(event.text), *self.selection):
            self.move_cursor(result.end_location)
