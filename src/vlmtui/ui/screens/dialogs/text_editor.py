"""A longer text, written on a screen of its own over whatever is there."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import TextArea

from vlmtui import printable
from vlmtui.ui.keys import key_hints, keymap
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.text_field import TextField


class TextEditor(Dialog[str]):
    """Returns what is written, or None when it is to stay as it was."""

    DEFAULT_CSS = """
    TextEditor {
        & > .frame {
            width: 78;
            height: 16;
        }
        & TextArea, & TextArea:focus {
            border: none;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="editor.save", priority=True),
        Binding("escape", "cancel", "Leave it as it was", id="editor.cancel", priority=True),
    ]

    def __init__(self, title: str, text: str, placeholder: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame") as panel:
            panel.border_title = Content(self._title)
            save = keymap.keys_of(self.app, "editor.save", "ctrl+s")
            cancel = keymap.keys_of(self.app, "editor.cancel", "escape")
            hints = ((save, "save"), (cancel, "leave it as it was"))
            panel.border_subtitle = key_hints.line(hints, 50)
            yield TextField(
                printable.prose(self._text),
                highlight_cursor_line=False,
                placeholder=self._placeholder,
            )

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.focus()
        area.move_cursor(area.document.end)

    def action_save(self) -> None:
        self.dismiss(self.query_one(TextArea).text.strip())

    def action_cancel(self) -> None:
        self.dismiss(None)
