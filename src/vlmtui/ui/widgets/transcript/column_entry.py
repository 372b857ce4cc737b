"""A place in a column, which can build the widget that stands there."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget


class Entry:
    """A place in the column.

    Attributes:
        widget: What shows it, while it is in or near the view.
        height: Rows it takes with the space below, measured or estimated.
        pinned: Its widget stays however far away the reader is.
    """

    def __init__(self, build: Callable[[], Widget], estimate: Callable[[int], int]) -> None:
        """Make an entry that has no widget yet.

        Args:
            build: Makes its widget.
            estimate: Guesses its height in rows from the columns it has.
        """
        self.build = build
        self.widget: Widget | None = None
        self.height = 1
        self.pinned = False
        self._estimate = estimate
        self._width = 0

    def measured(self, height: int, width: int) -> None:
        """Its widget was laid out."""
        self.height = height
        self._width = width

    def fit(self, width: int) -> None:
        """Guess the height unless it is known for this width."""
        if self._width != width:
            self.measured(max(self._estimate(width), 1), width)
