"""What a terminal shows that is too small for anything else."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

LEAST = Size(40, 10)
"""Below this nothing can be drawn that is of use."""


def too_small(size: Size) -> bool:
    """Whether a terminal of this size can only be told about."""
    return bool(size) and (size.width < LEAST.width or size.height < LEAST.height)


class TooSmallScreen(ModalScreen[None]):
    """Lies over everything until the terminal has grown; what runs goes on below it."""

    DEFAULT_CSS = """
    TooSmallScreen {
        align: center middle;
        background: $background;

        & > Static {
            width: 1fr;
            height: auto;
            text-align: center;
            color: $text-dim;
        }
    }
    """

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Static(_text(self.app.size))

    def on_resize(self, event: events.Resize) -> None:
        """Say the size that it has now, or go."""
        if not too_small(event.size):
            self.dismiss()
            return
        self.query_one(Static).update(_text(event.size))


def _text(size: Size) -> Content:
    return Content.assemble(
        ("Too small\n", "bold $warning"),
        f"{size.width}×{size.height} here, {LEAST.width}×{LEAST.height} needed",
    )
