"""Which panes stand beside the transcript, at every width."""

from __future__ import annotations

from itertools import product

import pytest

from vlmtui.ui.remembered import Remembered
from vlmtui.ui.screens.chat.arrangement import (
    BOUNDS,
    MAIN_LEAST,
    Arrangement,
    Pane,
    arrange,
)

BOTH = Remembered(chats=True, side=True)


def test_a_narrow_terminal_is_all_transcript() -> None:
    assert arrange(80, BOTH) == Arrangement(chats="hidden", side="hidden")


def test_from_120_columns_all_three_stand_side_by_side() -> None:
    now = arrange(120, BOTH)
    assert (now.chats, now.side) == ("beside", "beside")
    assert 120 - now.reserved("chats") - now.reserved("side") >= MAIN_LEAST


def test_where_only_one_has_room_the_figures_stay() -> None:
    now = arrange(100, BOTH)
    assert (now.chats, now.side) == ("hidden", "beside")
    assert arrange(100, Remembered(chats=True, side=False)).chats == "beside"


@pytest.mark.parametrize("pane", BOUNDS)
def test_a_pane_without_room_is_a_drawer_over_the_transcript(pane: Pane) -> None:
    for columns in (40, 60, 80):
        now = arrange(columns, Remembered(), drawer=pane)
        assert now.place(pane) == "over"
        assert 0 < now.width(pane) < columns
        assert now.reserved(pane) == 0


def test_a_drawer_takes_its_place_when_there_is_room() -> None:
    assert arrange(160, BOTH, drawer="chats").chats == "beside"


def test_a_pane_that_was_dragged_too_wide_gives_way_to_the_other() -> None:
    now = arrange(120, Remembered(chats=True, side=True, chats_width=60, side_width=80))
    assert now.chats_width >= BOUNDS["chats"].least
    assert now.side_width >= BOUNDS["side"].least


def test_the_transcript_keeps_its_columns_whatever_was_dragged() -> None:
    widths = (None, -5, 0, 30, 64, 10_000)
    for columns, chats, side in product(range(1, 200), widths, widths):
        wanted = Remembered(chats=True, side=True, chats_width=chats, side_width=side)
        now = arrange(columns, wanted)
        reserved = now.reserved("chats") + now.reserved("side")
        assert reserved == 0 or columns - reserved >= MAIN_LEAST
