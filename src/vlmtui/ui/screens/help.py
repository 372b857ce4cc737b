"""The keys and commands, on one screen over the chat."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from vlmtui.ui import commands

KEYS = (
    ("Enter", "send"),
    ("Ctrl+J, Alt+Enter", "new line"),
    ("Esc", "stop the answer; its text stays"),
    ("Tab", "complete a path or a command"),
    ("Backspace", "at the start of the text: remove the last picture"),
    ("PgUp, PgDn", "scroll; Ctrl+Home and Ctrl+End: to the ends"),
    ("Ctrl+C", "copy what is selected (mouse, Shift+arrows)"),
    ("Ctrl+Z, Ctrl+Y", "undo, redo"),
    ("Ctrl+Q", "quit; everything is saved"),
)

PICTURES = (("@path", 'in a message; also @"my pic.png"; \\@ is a plain @'),)

_KEY_WIDTH = 19


class HelpScreen(ModalScreen[None]):
    """Lists keys; any of Esc, F1, Enter and q closes it."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        background: $background 60%;

        & > VerticalScroll {
            width: 78;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 0 2;
            border: round $border;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-dim;
            background: $surface;
            scrollbar-size-vertical: 1;
        }
        & Static {
            height: auto;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "dismiss", "Close", id="help.close")
    ]

    def compose(self) -> ComposeResult:
        """One scrollable text."""
        with VerticalScroll() as panel:
            panel.border_title = "vlmtui"
            panel.border_subtitle = "Esc closes"
            yield Static(_text())


def _text() -> Content:
    lines = [_heading("Keys"), *(_row(*row) for row in KEYS)]
    lines += [Content(""), _heading("Pictures"), *(_row(*row) for row in PICTURES)]
    lines += [Content(""), _heading("Commands")]
    for spec in commands.SPECS:
        lines.append(_row(f"/{spec.name} {spec.arguments}".rstrip(), spec.summary))
    return Content("\n").join(lines)


def _heading(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _row(key: str, what: str) -> Content:
    return Content.assemble((f"{key:<{_KEY_WIDTH}}", "$accent"), (what, ""))
