"""What a terminal shows that is too small for anything else."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from vlmtui.ui.screens.chat.arrangement import LEAST, too_small
from vlmtui.ui.screens.dialogs.dialog import Dialog


class TooSmallScreen(Dialog[None]):
    """Lies over everything until the terminal has grown; what runs goes on below it."""

    DEFAULT_CSS = """
    TooSmallScreen {
        background: $background;

        & > Static {
            width: 1fr;
            text-align: center;
            color: $text-dim;
        }
    }
    """

    def compose(self) -> ComposeResult:
        yield Static(_text(self.app.size))

    def on_resize(self) -> None:
        """Say the size that it has now, or go."""
        size = self.app.size  # events of a storm of sizes come late
        self.query_one(Static).update(_text(size))
        if self.app.screen is self and not too_small(size):
            self.dismiss()

    def on_screen_resume(self) -> None:
        """Go, if the terminal has grown while another screen lay over this one."""
        self.on_resize()


def _text(size: Size) -> Content:
    return Content.assemble(
        ("Too small\n", "bold $warning"),
        f"{size.width}×{size.height} here, {LEAST.width}×{LEAST.height} needed",
    )
