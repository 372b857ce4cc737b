from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.ui.conftest import Stage, ask, ready, say, screen_of, shown, until
from vlmtui.ui.screens.picture_screen import PictureScreen
from vlmtui.ui.widgets.pictures.captioned_picture import CaptionedPicture
from vlmtui.ui.widgets.pictures.picture_widget import Picture

SIZE = (100, 30)


async def ask_twice(pilot: Pilot[int], stage: Stage) -> None:
    """Two questions, with two pictures of different shapes."""
    await ready(pilot)
    stage.picture("wide.png", (400, 200))
    stage.picture("high.png", (150, 300))
    for name in ("wide.png", "high.png"):
        await ask(pilot, f"@{name} What is it?")


async def opened(pilot: Pilot[int]) -> PictureScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, PictureScreen))
    await until(pilot, lambda: "▄" in shown(pilot))
    screen = pilot.app.screen
    assert isinstance(screen, PictureScreen)
    return screen


async def test_a_figure_opens_full_screen_and_the_arrows_go_through_the_chat(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ask_twice(pilot, stage)
        pilot.app.query(CaptionedPicture).first().focus()
        await pilot.press("enter")
        screen = await opened(pilot)
        assert "wide.png  400×200   1 of 2" in shown(pilot)
        picture = screen.query_one(Picture)
        await until(pilot, lambda: picture.region.height == 25)  # all 100 columns: 2 to 1
        await pilot.press("right")
        await until(pilot, lambda: "high.png  150×300   2 of 2" in shown(pilot))
        await until(pilot, lambda: picture.region.height == 28)
        await pilot.press("right")
        await until(pilot, lambda: "1 of 2" in shown(pilot))
        await pilot.press("left")
        await until(pilot, lambda: "2 of 2" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))


async def test_f7_and_the_command_show_the_last_picture(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ask_twice(pilot, stage)
        await pilot.press("f7")
        await opened(pilot)
        assert "high.png" in shown(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        await say(pilot, "/view")
        await opened(pilot)


async def test_without_a_picture_it_says_how_to_attach_one(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: "no picture in this chat" in shown(pilot))


async def test_what_changes_beneath_it_is_drawn_when_it_goes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ask_twice(pilot, stage)
        await pilot.press("f7")
        screen = await opened(pilot)
        await pilot.pause(0.3)
        drawn: list[object] = []
        monkeypatch.setattr(screen, "refresh", lambda *regions, **_: drawn.append(regions))
        screen_of(pilot).prompt.say("Said beneath")
        await pilot.pause(0.5)
        assert not drawn  # a picture is many cells, and a line may be slow
        monkeypatch.undo()
        await pilot.press("escape")
        await until(pilot, lambda: "Said beneath" in shown(pilot))


async def test_facts_and_path(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ask_twice(pilot, stage)
        await pilot.press("f7")
        screen = await opened(pilot)
        assert screen.image.sha256[:16] not in shown(pilot)
        await pilot.press("i")
        await until(pilot, lambda: screen.image.sha256[:16] in shown(pilot))
        await until(pilot, lambda: "PNG, " in shown(pilot))
        await pilot.press("y")
        assert Path(pilot.app.clipboard) == Path(screen.image.path)
        await pilot.press("i")
        await until(pilot, lambda: "sha256" not in shown(pilot))


async def test_a_picture_whose_file_is_gone_is_told(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ask_twice(pilot, stage)
        Path(screen_of(pilot).image.path).unlink()
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(pilot.app.screen, PictureScreen))
        await pilot.press("i")
        await until(pilot, lambda: "There is no file" in shown(pilot))


@pytest.mark.parametrize("size", [(60, 15), (160, 48)])
async def test_it_fits_into_any_terminal(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app().run_test(size=size) as pilot:
        await ask_twice(pilot, stage)
        await pilot.press("f7")
        screen = await opened(pilot)
        await pilot.press("i")
        await until(pilot, lambda: "stored" in shown(pilot))
        await pilot.pause()
        place = screen.query_one("#place").region
        assert screen.query_one(Picture).region in place
        assert shown(pilot).splitlines()[-1].strip().endswith("Esc back")
