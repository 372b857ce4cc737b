"""A part of a picture is chosen by a frame."""

from __future__ import annotations

import pytest
from PIL import Image
from textual.pilot import Pilot

from tests.ui.conftest import Stage, ask, ready, say, screen_of, shown, until
from vlmtui.engine.images.crops import Box
from vlmtui.terminal.graphics import Graphics, Kind
from vlmtui.ui.screens.crop_screen import CropScreen
from vlmtui.ui.screens.picture_screen import PictureScreen
from vlmtui.ui.widgets.pictures import crop_frame
from vlmtui.ui.widgets.pictures.framed_picture import FramedPicture

SIZE = (100, 30)


async def framing(pilot: Pilot[int], stage: Stage) -> FramedPicture:
    """The frame, in a picture of 400x200 pixels that is asked about."""
    await ready(pilot)
    stage.picture("wide.png", (400, 200))
    await ask(pilot, "@wide.png What is it?")
    await pilot.press("f7")
    await until(pilot, lambda: isinstance(pilot.app.screen, PictureScreen))
    await pilot.press("c")
    await until(pilot, lambda: isinstance(pilot.app.screen, CropScreen))
    await until(pilot, lambda: "▄" in shown(pilot) and "┏" in shown(pilot))
    return pilot.app.screen.query_one(FramedPicture)


async def test_a_frame_is_moved_and_sized_with_keys_and_becomes_a_picture(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        picture = await framing(pilot, stage)
        assert "wide.png  200×100 at 100,50 of 400×200" in shown(pilot)
        await until(pilot, lambda: picture.size.width == 100)
        await pilot.press("right", "right", "up", "L", "shift+down")
        step = picture.step
        assert picture.frame == Box(100 + 2 * step[0], 50 - step[1], 200 + step[0], 100 + step[1])
        await pilot.press("f", "left", "shift+left")
        assert picture.frame.x == 100 + 2 * step[0] - 1 and "by single pixels" in shown(pilot)
        frame = picture.frame
        await pilot.press("enter")
        name = f"wide.png{frame}"
        label = f"[image: {name} {frame.width}x{frame.height}]"
        await until(pilot, lambda: label in screen_of(pilot).prompt.text)
        (part,) = screen_of(pilot).prompt.images
        with Image.open(part.path) as kept, Image.open(stage.folder / "wide.png") as whole:
            edges = (frame.x, frame.y, frame.x + frame.width, frame.y + frame.height)
            assert kept.tobytes() == whole.convert("RGB").crop(edges).tobytes()


async def test_the_mouse_draws_a_frame_and_moves_it(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        picture = await framing(pilot, stage)
        await until(pilot, lambda: picture.size.width == 100)

        async def drag(start: tuple[int, int], *ends: tuple[int, int]) -> None:
            await pilot.mouse_down(picture, offset=start)
            for end in ends:
                await pilot.hover(picture, offset=end)
            await pilot.mouse_up(picture, offset=ends[-1])

        await drag((10, 5), (30, 10), (20, 8))
        assert crop_frame.cells(picture.frame, (400, 200), tuple(picture.size)) == (10, 5, 21, 9)
        await drag((15, 6), (25, 7))  # inside of it
        assert crop_frame.cells(picture.frame, (400, 200), tuple(picture.size)) == (20, 6, 31, 10)
        await pilot.hover(picture, offset=(90, 20))  # the button is up
        assert crop_frame.cells(picture.frame, (400, 200), tuple(picture.size)) == (20, 6, 31, 10)


async def test_escape_attaches_nothing_and_slash_crop_begins_at_once(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await framing(pilot, stage)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        assert not screen_of(pilot).prompt.images
        await say(pilot, "/crop")
        await until(pilot, lambda: isinstance(pilot.app.screen, CropScreen))


async def test_without_a_picture_it_says_how_to_attach_one(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/crop")
        await until(pilot, lambda: "no picture in this chat" in shown(pilot))


@pytest.mark.parametrize("kind", [Kind.KITTY, Kind.SIXEL, Kind.NONE])
async def test_the_frame_is_there_whatever_shows_the_picture(stage: Stage, kind: Kind) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        picture = await framing(pilot, stage)
        picture.graphics = Graphics(kind)
        if kind is Kind.NONE:
            await until(pilot, lambda: "▣" in shown(pilot) and "┏" not in shown(pilot))
        else:
            await until(pilot, lambda: shown(pilot).count("┏") == 1)
        before = picture.frame
        await pilot.press("right")
        assert picture.frame.x > before.x


# ------------------------------------------------------------------ the frame, without a screen

WHOLE = (640, 480)


def inside(frame: Box, picture: tuple[int, int]) -> bool:
    return (
        frame.x >= 0
        and frame.y >= 0
        and frame.width >= 1
        and frame.height >= 1
        and frame.x + frame.width <= picture[0]
        and frame.y + frame.height <= picture[1]
    )


@pytest.mark.parametrize("picture", [(1, 1), (1, 900), (3, 2), WHOLE])
def test_a_frame_never_leaves_the_picture(picture: tuple[int, int]) -> None:
    frame = crop_frame.middle(picture)
    for by in (-2000, -1, 0, 1, 2000):
        frame = crop_frame.moved(frame, picture, by, -by)
        assert inside(frame, picture)
        frame = crop_frame.sized(frame, picture, -by, by)
        assert inside(frame, picture)
        for factor in (1.25, 0.8, 0.8):
            frame = crop_frame.zoomed(frame, picture, factor)
            assert inside(frame, picture)
        left, top, right, bottom = crop_frame.cells(frame, picture, (40, 7))
        assert 0 <= left < right <= 40 and 0 <= top < bottom <= 7
        assert inside(crop_frame.spanned(picture, (40, 7), (by, by), (3, 3)), picture)


def test_a_tiny_frame_grows_and_shrinks_by_pixels() -> None:
    assert crop_frame.zoomed(Box(5, 5, 1, 1), WHOLE, 1.25).width == 2
    assert crop_frame.zoomed(Box(5, 5, 2, 2), WHOLE, 0.8).width == 1
    assert crop_frame.zoomed(Box(5, 5, 1, 1), WHOLE, 0.8) == Box(5, 5, 1, 1)


def test_from_corner_to_corner_is_the_whole_picture() -> None:
    assert crop_frame.spanned(WHOLE, (40, 15), (39, 14), (0, 0)) == Box(0, 0, *WHOLE)
