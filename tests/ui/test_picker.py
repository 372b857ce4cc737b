from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual.pilot import Pilot

from tests.ui.conftest import WidgetHost, shown, until
from vlmtui.compose import recent_pictures
from vlmtui.messages import Detail
from vlmtui.ui.screens.picture_picker import Picked, PickerScreen
from vlmtui.ui.widgets.pictures.file_list import FileList

SIZES = pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])


class Host(WidgetHost):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.picked: list[tuple[str, ...]] = []
        self.detail: Detail | None = None

    def on_mount(self) -> None:
        self.push_screen(PickerScreen(str(self._folder)), self._take)

    def _take(self, picked: Picked | None) -> None:
        self.picked.append(() if picked is None else picked.paths)
        self.detail = None if picked is None else picked.detail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "trip").mkdir(parents=True)
    for age, name in enumerate(("a.png", "b.png", "trip/c.png", ".secret.png")):
        Image.new("RGB", (64 + age, 48), "red").save(folder / name)
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    return folder


async def settled(pilot: Pilot[int], text: str = "picture") -> PickerScreen:
    await until(pilot, lambda: text in shown(pilot))
    screen = pilot.app.screen
    assert isinstance(screen, PickerScreen)
    return screen


@SIZES
async def test_the_file_under_the_cursor_is_attached(folder: Path, size: tuple[int, int]) -> None:
    app = Host(folder)
    async with app.run_test(size=size) as pilot:
        await settled(pilot, "2 pictures")
        await pilot.press("down")
        await until(pilot, lambda: "65×48 PNG" in shown(pilot))
        assert ("▄▄▄▄" in shown(pilot)) == (size != (60, 15))
        await pilot.press("enter")
        assert app.picked == [(str(folder / "b.png"),)]


async def test_several_are_marked_and_attached(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        await settled(pilot, "2 pictures")
        await pilot.press("down", "space", "up", "up", "space")
        await until(pilot, lambda: "2 marked" in shown(pilot))
        await pilot.press("enter")
        assert app.picked == [(str(folder / "b.png"), str(folder / "a.png"))]


async def test_they_are_attached_in_the_detail_that_was_chosen(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        await settled(pilot, "2 pictures")
        for detail in ("low", "normal", "high"):
            await pilot.press("ctrl+d")
            await until(pilot, lambda: f"attached in {detail} detail" in shown(pilot))  # noqa: B023 - awaited before the next
        await pilot.press("enter")
        assert app.detail == "high"


async def test_directories_are_entered_and_left(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        screen = await settled(pilot, "2 pictures")
        await pilot.press("end", "enter")
        await until(pilot, lambda: "c.png" in shown(pilot))
        assert screen.directory == str(folder / "trip")
        await pilot.press("backspace")
        await until(pilot, lambda: screen.directory == str(folder) and "a.png" in shown(pilot))
        entry = screen.query_one(FileList).row
        assert entry is not None and entry.name == "trip/"
        await pilot.press("escape")
        assert app.picked == [()]


async def test_typing_narrows_and_backspace_widens(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        await settled(pilot, "2 pictures")
        await pilot.press("b", ".", "p")
        await until(pilot, lambda: "1 of 3 match" in shown(pilot) and "a.png" not in shown(pilot))
        await pilot.press("backspace", "backspace", "backspace")
        await until(pilot, lambda: "2 pictures" in shown(pilot) and "a.png" in shown(pilot))


async def test_a_dot_shows_hidden_files(folder: Path) -> None:
    async with Host(folder).run_test() as pilot:
        await settled(pilot, "2 pictures")
        await pilot.press("full_stop")
        await until(pilot, lambda: ".secret.png" in shown(pilot))
        await pilot.press("full_stop")
        await until(pilot, lambda: ".secret.png" not in shown(pilot))


async def test_a_double_click_attaches(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        await settled(pilot, "2 pictures")
        await pilot.click(FileList, offset=(4, 1), times=2)
        assert app.picked == [(str(folder / "b.png"),)]


async def test_what_was_attached_lately_is_at_the_top(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "lately.png"
    Image.new("RGB", (8, 8)).save(other)
    recent_pictures.note([str(other)])
    app = Host(folder)
    async with app.run_test() as pilot:
        await settled(pilot, "lately.png")
        await pilot.press("enter")
        assert app.picked == [(str(other),)]


async def test_broken_files_are_told_in_place(folder: Path) -> None:
    (folder / "broken.png").write_text("no picture")
    async with Host(folder).run_test(size=(200, 48)) as pilot:
        await settled(pilot, "3 pictures")
        await until(pilot, lambda: "is not a picture" in " ".join(shown(pilot).split()))


async def test_a_directory_that_must_not_be_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system says it to all but root, who may read everything."""
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if Path(path) == folder / "trip":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    async with Host(folder / "trip").run_test() as pilot:
        await settled(pilot, "Permission denied")


async def test_a_directory_that_is_gone_is_told_and_can_be_left(folder: Path) -> None:
    async with Host(folder / "gone").run_test() as pilot:
        await settled(pilot, "No such file")
        await pilot.press("backspace")
        await until(pilot, lambda: "a.png" in shown(pilot))


async def test_names_are_text(folder: Path) -> None:
    Image.new("RGB", (8, 8)).save(folder / "[red]\x1b[31m.png")
    async with Host(folder).run_test(size=(120, 30)) as pilot:
        await settled(pilot, "[red]␛[31m.png")
        await until(pilot, lambda: "8×8" in shown(pilot))
        assert all(c.isprintable() for c in shown(pilot).replace("\n", ""))


async def test_twenty_thousand_files_are_scrolled_like_three(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(20_000):
        (folder / f"{number:05}.png").touch()
    async with Host(folder).run_test() as pilot:
        screen = await settled(pilot, "20,000 pictures")
        drawn = []
        render = FileList.render_line
        files = screen.query_one(FileList)
        files.render_line = lambda y: drawn.append(y) or render(files, y)
        await pilot.press("end", "pageup", "pagedown")
        entry = files.row
        assert entry is not None and entry.path.endswith(".png")
        assert files.cursor == 19_999
        assert 0 < len(drawn) < 500  # a few screens, not the directory


async def test_no_row_is_cut_off_beside_a_scrollbar(folder: Path) -> None:
    for number in range(30):
        Image.new("RGB", (8, 8), "red").save(folder / f"{number}.png")
        os.utime(folder / f"{number}.png", (1e9, 1e9))
    async with Host(folder).run_test(size=(60, 15)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: pilot.app.screen.query_one(FileList).show_vertical_scrollbar)
        rows = [row for row in shown(pilot).splitlines() if ".png " in row and "×" not in row]
        assert len(rows) > 5
        assert all(" B " in row and " 2001" in row for row in rows)
