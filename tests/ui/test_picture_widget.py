from __future__ import annotations

from textual.app import ComposeResult

from tests.ui.conftest import Stage, WidgetHost, shown, until
from vlmtui.messages import ImagePart
from vlmtui.ui.widgets.picture import Picture


class Host(WidgetHost):
    def __init__(self, part: ImagePart) -> None:
        super().__init__()
        self.part = part

    def compose(self) -> ComposeResult:
        yield Picture(self.part)


async def test_a_picture_is_drawn_and_fits_again_after_a_resize(stage: Stage) -> None:
    part = stage.session().attach(stage.picture(size=(400, 200)))
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
