from __future__ import annotations

import pytest
from textual.app import ComposeResult

from tests.ui.conftest import Stage, WidgetHost, shown, until
from vlmtui.messages import ImagePart, user
from vlmtui.stats.image_costs import Cost
from vlmtui.ui.widgets.pictures.captioned_picture import CaptionedPicture
from vlmtui.ui.widgets.pictures.gallery import GAP, columns
from vlmtui.ui.widgets.transcript.question_block import Question


class Asked(WidgetHost):
    def __init__(self, parts: list[ImagePart], costs: dict[str, Cost] | None = None) -> None:
        super().__init__()
        self.parts = parts
        self.costs = costs
        self.opened: list[ImagePart] = []

    def compose(self) -> ComposeResult:
        yield Question(user("Which?", tuple(self.parts)), self.costs)

    def on_captioned_picture_opened(self, event: CaptionedPicture.Opened) -> None:
        self.opened.append(event.image)


def pictures(stage: Stage, count: int) -> list[ImagePart]:
    session = stage.session()
    return [session.images.attach(stage.picture(f"{n}.png", (400 + n, 300))) for n in range(count)]


@pytest.mark.parametrize("width", [1, 20, 57, 76, 117, 300])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_row_never_takes_more_than_there_is(width: int, count: int) -> None:
    across, each = columns(width, count)
    assert 1 <= across <= count
    assert across * each + (across - 1) * GAP <= width


async def test_figures_that_do_not_fit_beside_each_other_go_to_the_next_row(stage: Stage) -> None:
    async with Asked(pictures(stage, 3)).run_test(size=(60, 40)) as pilot:
        await until(pilot, lambda: "▄" in shown(pilot))
        first, second, third = (figure.region for figure in pilot.app.query(CaptionedPicture))
        assert first.y == second.y
        assert first.right + GAP == second.x
        assert third.y == first.bottom + 1
        assert third.x == first.x
        assert pilot.app.query_one(Question).region.bottom > third.bottom
        await pilot.resize_terminal(100, 40)
        await until(
            pilot, lambda: len({f.region.y for f in pilot.app.query(CaptionedPicture)}) == 1
        )


async def test_a_figure_says_what_it_cost_once_that_is_known(stage: Stage) -> None:
    (part,) = pictures(stage, 1)
    async with Asked([part], {part.sha256: Cost(256, 1.234)}).run_test(size=(60, 30)) as pilot:
        await until(pilot, lambda: "256 tokens · 1.23 s" in shown(pilot))
        assert "0.png  400×300" in shown(pilot)
        figure = pilot.app.query_one(CaptionedPicture)
        figure.cost = Cost(256, 1.234, reused=True, scaled_to=(336, 252))
        await until(pilot, lambda: "in cache" in shown(pilot))
        assert "model sees 336×252" in shown(pilot)
        figure.cost = Cost(256, trimmed=True)
        await until(pilot, lambda: "no longer seen by the model" in shown(pilot))
        assert "256" not in shown(pilot)


async def test_enter_and_a_click_open_a_figure(stage: Stage) -> None:
    parts = pictures(stage, 2)
    app = Asked(parts)
    async with app.run_test(size=(80, 30)) as pilot:
        await until(pilot, lambda: "▄" in shown(pilot))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.opened == [parts[1]])
        await pilot.click("CaptionedPicture", offset=(3, 3))
        await until(pilot, lambda: app.opened == [parts[1], parts[0]])


async def test_no_figure_below_a_narrow_picture_is_cut_off(stage: Stage) -> None:
    parts = pictures(stage, 2)
    known = {part.sha256: Cost(576, 1.84, reused=True, scaled_to=(336, 252)) for part in parts}
    async with Asked(parts, known).run_test(size=(56, 30)) as pilot:
        await until(pilot, lambda: "576 tokens" in shown(pilot))
        lines = [line.replace("▌", "").split() for line in shown(pilot).splitlines()]
        for words in ("576 tokens · 1.84 s", "in cache", "model sees 336×252"):
            assert 2 * words.split() in lines
