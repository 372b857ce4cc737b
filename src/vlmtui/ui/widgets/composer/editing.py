"""Says above the composer that an earlier question is being edited."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Editing(Static):
    """One line."""

    DEFAULT_CSS = """
    Editing {
        margin: 0 1;
        padding: 0 1;
        color: $warning;
    }
    """

    def __init__(self) -> None:
        super().__init__(
            Content.assemble(
                ("Editing an earlier question", "bold"),
                (" · Enter asks it beside the old one, Esc cancels", "$text-dim"),
            )
        )
