"""How the screen looks. `pytest --snapshot-update` accepts a changed look; view it first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.fakes import answer, crash
from tests.ui.conftest import SNAPSHOT, Stage, answered, ready, say, screen_of, shown, until
from vlmtui.engine.base import Delta
from vlmtui.ui.widgets.composer import Composer

NARROW = (80, 24)
WIDE = (160, 48)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
TEXT = """The circle is **red** and stands on the *left*.

1. a red circle
2. a green square

```python
shapes = ["circle", "square"]
```
"""

Scene = Callable[[Pilot[int]], Awaitable[None]]


async def _settle(pilot: Pilot[int]) -> None:
    screen = await ready(pilot)
    screen.query_one(Composer).cursor_blink = False
    screen.snapshot = SNAPSHOT


async def _ask(pilot: Pilot[int], text: str) -> None:
    await say(pilot, text)
    await answered(pilot)


async def _picture_is_drawn(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: "▄▄▄" in shown(pilot) and "…" not in shown(pilot))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@SIZES
def test_the_welcome_says_what_is_there_and_how_to_begin(
    stage: Stage, snap_compare: Any, size: tuple[int, int]
) -> None:
    app = stage.app(samples=(Path("samples/shapes.png"),))
    assert snap_compare(app, terminal_size=size, run_before=_settle)


@SIZES
def test_an_answer_stands_below_the_question_with_its_picture(
    stage: Stage, snap_compare: Any, size: tuple[int, int]
) -> None:
    stage.picture("a scene.png")
    stage.engine.script(*answer(TEXT))

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await _ask(pilot, '@"a scene.png" What do you see?')
        await _picture_is_drawn(pilot)

    assert snap_compare(stage.app(), terminal_size=size, run_before=scene)


def test_an_error_stands_in_the_transcript(stage: Stage, snap_compare: Any) -> None:
    stage.engine.script(Delta("Half an answer", 1), crash("decode"))

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await _ask(pilot, "What do you see?")
        # its live time to the first token is not the same twice
        screen_of(pilot).figures = type(screen_of(pilot).figures)(model="fake")

    assert snap_compare(stage.app(), terminal_size=NARROW, run_before=scene)


def test_completions_stand_above_a_composer_with_a_picture(stage: Stage, snap_compare: Any) -> None:
    for name in ("scene 1.png", "scene 2.png", "scenes/one.png", "first.png"):
        stage.picture(name)

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        screen = screen_of(pilot)
        await say(pilot, "/image first.png")
        await until(pilot, lambda: screen.images)
        await pilot.press(*"compare", "space", "@", *"sc")
        await until(pilot, lambda: len(screen.prompt._completions.candidates) == 3)
        await pilot.press("down")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(stage.app(), terminal_size=NARROW, run_before=scene)


def test_the_light_theme_is_as_legible(stage: Stage, snap_compare: Any) -> None:
    stage.engine.script(*answer(TEXT))

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await _ask(pilot, "What do you see?")

    assert snap_compare(stage.app(theme="vlmtui-light"), terminal_size=NARROW, run_before=scene)


def test_help_lies_over_the_chat(stage: Stage, snap_compare: Any) -> None:
    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Type to search" in shown(pilot))

    assert snap_compare(stage.app(), terminal_size=NARROW, run_before=scene)
