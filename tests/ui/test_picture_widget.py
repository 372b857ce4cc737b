from __future__ import annotations

import pytest
from textual.app import ComposeResult

from tests.ui.conftest import Stage, WidgetHost, shown, until
from vlmtui.messages import ImagePart, user
from vlmtui.terminal import cell_pictures
from vlmtui.ui.widgets.pictures.picture_widget import Picture
from vlmtui.ui.widgets.transcript.question_block import Question


class Host(WidgetHost):
    def __init__(self, part: ImagePart) -> None:
        super().__init__()
        self.part = part

    def compose(self) -> ComposeResult:
        yield Picture(self.part)


async def test_a_picture_is_drawn_and_fits_again_after_a_resize(stage: Stage) -> None:
    part = stage.session().images.attach(stage.picture(size=(400, 200)))
    async with Host(part).run_test(size=(40, 50)) as pilot:
        picture = pilot.app.query_one(Picture)
        await until(pilot, lambda: "▄" in shown(pilot))
        assert picture.size == (40, 10)
        await pilot.resize_terminal(20, 50)
        await until(pilot, lambda: picture.size.width == 20)
        assert picture.size == (20, 5)
        assert shown(pilot).count("▄") == 100


async def test_a_picture_that_is_gone_says_so(stage: Stage) -> None:
    part = ImagePart("/nowhere/[red]x.png", "ab" * 32, "x.png", 400, 200)
    async with Host(part).run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: "There is no file" in shown(pilot))
        assert "/nowhere/[red]x.png" in shown(pilot)


async def test_a_picture_that_fails_as_nobody_foresaw_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(part: ImagePart) -> None:
        raise MemoryError

    monkeypatch.setattr(cell_pictures, "thumbnail", fail)
    part = stage.session().images.attach(stage.picture())
    async with Host(part).run_test(size=(60, 20)) as pilot:
        picture = pilot.app.query_one(Picture)
        await until(pilot, lambda: picture._failure and picture._failure[:9] in shown(pilot))


async def test_several_pictures_share_the_width(stage: Stage) -> None:
    session = stage.session()
    parts = [session.images.attach(stage.picture(f"{n}.png", (400 + n, 100))) for n in range(3)]

    class Asked(WidgetHost):
        def compose(self) -> ComposeResult:
            yield Question(user("Which?", tuple(parts)))

    async with Asked().run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "▄" in shown(pilot))
        regions = [picture.region for picture in pilot.app.query(Picture)]
        assert all(20 <= region.width <= 33 for region in regions)
        assert len({region.y for region in regions}) == 1
        assert max(region.right for region in regions) <= 100
