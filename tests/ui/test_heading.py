from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from vlmtui.ui.widgets.heading import Heading

TITLE = "How many shapes are there? · drawn.png"
NOTE = "demo · temperature 1.0, top_p 0.98, min_p 0.02"


async def drawn(text: str, note: str, width: int) -> str:
    class Page(App[None]):
        def compose(self) -> ComposeResult:
            yield Heading(text, note)

    async with Page().run_test(size=(width, 3)) as pilot:
        line = pilot.app.query_one(Heading).render()
        assert line.cell_length <= width - 2
        return line.plain


async def test_both_are_whole_where_there_is_room() -> None:
    line = await drawn(TITLE, NOTE, 120)
    assert line.startswith(TITLE)
    assert line.endswith(NOTE)


async def test_a_long_title_has_all_that_a_short_note_leaves() -> None:
    line = await drawn(TITLE + ", shapes-1.png", "demo", 72)
    assert line.startswith(TITLE + ", shapes-1.png ──")
    assert line.endswith("── demo")


async def test_a_note_too_long_is_cut_and_not_left_out() -> None:
    line = await drawn(TITLE, NOTE, 80)
    assert line.startswith(TITLE)
    assert "── demo · temperature" in line
    assert line.endswith("…")


async def test_a_title_too_long_leaves_half_of_the_line_to_the_note() -> None:
    line = await drawn(TITLE * 3, NOTE, 80)
    assert line.startswith(TITLE[:30])
    assert "… ── demo · temperature" in line


@pytest.mark.parametrize("width", [4, 10, 20, 30, 40, 41, 60, 79, 200])
async def test_no_line_is_longer_than_its_pane(width: int) -> None:
    for text, note in ((TITLE, NOTE), (TITLE, "3"), ("Chats", NOTE), (TITLE * 9, ""), ("", NOTE)):
        await drawn(text, note, width)
