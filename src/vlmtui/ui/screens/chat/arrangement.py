"""Which panes stand where in a terminal of so many columns. Pure arithmetic, without widgets.

From `BESIDE_FROM` columns on, panes stand beside the transcript as long as it keeps `MAIN_LEAST`
columns. A pane that has no room there can be opened as a drawer, which lies over the transcript.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from textual.geometry import Size

from vlmtui.ui.remembered import Remembered

LEAST = Size(40, 10)
"""Below this nothing can be drawn that is of use."""

BESIDE_FROM = 100
"""Columns from which a pane may take some of the transcript's."""

MAIN_LEAST = 50
"""Columns that the transcript keeps, whatever stands beside it."""

DIVIDER = 1
_HUGE = 150

Pane = Literal["chats", "side"]
Place = Literal["hidden", "beside", "over"]


class Bounds(msgspec.Struct, frozen=True):
    """How wide a pane may be, in columns."""

    least: int
    usual: int
    huge: int
    """Usual width in a very wide terminal."""

    most: int
    drawer: int
    """Width of the drawer, where the terminal has it."""

    from_columns: int
    """Width of the terminal from which the pane stands there unless the user closed it."""


CHATS = Bounds(least=22, usual=30, huge=42, most=64, drawer=44, from_columns=140)
SIDE = Bounds(least=34, usual=38, huge=46, most=80, drawer=42, from_columns=BESIDE_FROM)
BOUNDS: dict[Pane, Bounds] = {"chats": CHATS, "side": SIDE}

_DRAWER_MARGIN = 4
"""Columns of the transcript that a drawer leaves in sight."""


class Arrangement(msgspec.Struct, frozen=True):
    """Where the panes stand, and how wide they are. The transcript has the rest."""

    chats: Place
    side: Place
    chats_width: int = 0
    side_width: int = 0

    def place(self, pane: Pane) -> Place:
        return self.chats if pane == "chats" else self.side

    def width(self, pane: Pane) -> int:
        """Columns of a pane, without its divider; 0 where it is hidden."""
        return self.chats_width if pane == "chats" else self.side_width

    def reserved(self, pane: Pane) -> int:
        """Columns that the transcript loses to a pane and its divider."""
        return self.width(pane) + DIVIDER if self.place(pane) == "beside" else 0


def arrange(columns: int, wanted: Remembered, drawer: Pane | None = None) -> Arrangement:
    """Give each pane a place; `drawer` is one that was opened although it has no room.

    The statistics come first where there is no room for both; what is dragged too wide gives way.
    """
    room = columns - MAIN_LEAST if columns >= BESIDE_FROM else 0
    chats = _wanted(wanted.chats, CHATS, columns)
    side = _wanted(wanted.side, SIDE, columns)
    both = CHATS.least + SIDE.least + 2 * DIVIDER <= room
    kept = CHATS.least + DIVIDER if chats and side and both else 0
    side_width = _beside(side, wanted.side_width, SIDE, columns, room - kept)
    if side_width:
        room -= side_width + DIVIDER
    chats_width = _beside(chats, wanted.chats_width, CHATS, columns, room)
    return Arrangement(
        chats=_place("chats", chats_width, drawer),
        side=_place("side", side_width, drawer),
        chats_width=chats_width or (_over(CHATS, columns) if drawer == "chats" else 0),
        side_width=side_width or (_over(SIDE, columns) if drawer == "side" else 0),
    )


def _wanted(choice: bool | None, bounds: Bounds, columns: int) -> bool:
    return columns >= bounds.from_columns if choice is None else choice


def _beside(wanted: bool, width: int | None, bounds: Bounds, columns: int, room: int) -> int:
    """Columns of a pane beside the transcript; 0 for none."""
    most = min(bounds.most, room - DIVIDER)
    if not wanted or most < bounds.least:
        return 0
    usual = bounds.huge if columns >= _HUGE else bounds.usual
    return min(max(usual if width is None else width, bounds.least), most)


def _over(bounds: Bounds, columns: int) -> int:
    return max(min(bounds.drawer, columns - DIVIDER - _DRAWER_MARGIN), 1)


def _place(pane: Pane, width: int, drawer: Pane | None) -> Place:
    if width:
        return "beside"
    return "over" if drawer == pane else "hidden"


def too_small(size: Size) -> bool:
    """Whether a terminal of this size can only be told about."""
    return bool(size) and (size.width < LEAST.width or size.height < LEAST.height)
