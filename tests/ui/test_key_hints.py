"""The keys at the foot of every screen: in one style, never cut off."""

from __future__ import annotations

import re

import pytest

from tests.ui.conftest import Stage, ready, say, screen_of, shown, until
from tests.ui.test_models_screen import FullShelf
from vlmtui.ui.keys import key_hints

HINTS = (("Enter", "send"), ("Ctrl+J", "new line"), ("F1", "help"), ("Esc", "close"))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (99, "Enter send · Ctrl+J new line · F1 help · Esc close"),
        (50, "Enter send · Ctrl+J new line · F1 help · Esc close"),
        (49, "Enter send · Ctrl+J new line · Esc close"),
        (30, "Enter send · Esc close"),
        (5, "Esc close"),
    ],
)
def test_the_way_out_is_named_however_little_room_there_is(width: int, expected: str) -> None:
    assert key_hints.line(HINTS, width).plain == expected


@pytest.mark.parametrize("size", [(40, 12), (60, 15), (120, 36)])
@pytest.mark.parametrize(
    ("line", "key", "title", "way_out"),
    [
        ("", "f1", "Help", "Esc close"),
        ("", "ctrl+p", "Commands", "Esc close"),
        ("", "ctrl+o", "scene.png", "Esc close"),
        ("", "ctrl+f", "Search", "Esc close"),
        ("", "f2", "Which model", "Esc close"),
        ("", "f3", "machine", "Esc back"),
        ("/models", "enter", "Models", "Esc back"),
        ("/theme", "enter", "Themes", "Esc close"),
        ("/system", "enter", "System", "Esc leave it"),
    ],
)
async def test_every_screen_names_the_way_out(
    stage: Stage, size: tuple[int, int], line: str, key: str, title: str, way_out: str
) -> None:
    stage.picture()
    available_models = FullShelf()
    stage.available_models = lambda: available_models
    async with stage.app().run_test(size=size) as pilot:
        await ready(pilot)
        if line:
            await say(pilot, line)
        else:
            await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is not screen_of(pilot))
        await pilot.app.workers.wait_for_complete()
        if line == "/models":
            await pilot.press("down")  # a broken model was told of
        await until(pilot, lambda: title in shown(pilot) and way_out in shown(pilot))
        assert not re.search(r"Esc…|Esc \w*…", shown(pilot))
