"""The least that Textual can be asked for: one line of text on an empty screen."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

MARK = "nothing but this line"


class BareApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Static(MARK)


if __name__ == "__main__":
    BareApp().run()
