"""How the screen looks. `pytest --snapshot-update` accepts a changed look; view it first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes import answer, crash
from tests.ui.conftest import SNAPSHOT, Stage, answered, ask, ready, say, screen_of, shown, until
from tests.ui.test_models_screen import FullShelf
from vlmtui.engine.engine_events import Delta
from vlmtui.messages import assistant, user
from vlmtui.ui.widgets.composer.composer import Composer

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

TITLES = (
    "What is in this picture?",
    "How many red circles are there on the left side",
    "Translate the sign",
    "[bold]markup[/bold] \x1b[31mred",
)

Scene = Callable[[Pilot[int]], Awaitable[None]]


@pytest.fixture
def snap_compare(snap_compare: Any) -> Callable[..., bool]:
    """As it comes, with all of the top screen drawn anew before the photograph.

    `shown` renders it without those beneath, and Textual keeps what was rendered.
    """

    def compare(*arguments: Any, run_before: Scene, **options: Any) -> bool:
        async def scene(pilot: Pilot[int]) -> None:
            await run_before(pilot)
            for field in pilot.app.screen.query(Input):
                field.cursor_blink = False
            pilot.app.screen.refresh()
            await pilot.pause()

        same: bool = snap_compare(*arguments, run_before=scene, **options)
        return same

    return compare


async def _settle(pilot: Pilot[int]) -> None:
    screen = await ready(pilot)
    screen.query_one(Composer).cursor_blink = False
    screen.snapshot = SNAPSHOT


async def _ask(pilot: Pilot[int], text: str) -> None:
    await ask(pilot, text)


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
        screen_of(pilot).engine_state = type(screen_of(pilot).engine_state)(model="fake")

    assert snap_compare(stage.app(), terminal_size=NARROW, run_before=scene)


def test_completions_stand_above_a_composer_with_a_picture(stage: Stage, snap_compare: Any) -> None:
    for name in ("scene 1.png", "scene 2.png", "scenes/one.png", "first.png"):
        stage.picture(name)

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        screen = screen_of(pilot)
        await say(pilot, "/image first.png")
        await until(pilot, lambda: screen.prompt.images)
        await pilot.press(*"compare", "space", "@", *"sc")
        await until(pilot, lambda: len(screen.prompt.completion.list.candidates) == 3)
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


@SIZES
def test_the_chats_stand_in_groups_beside_or_over_the_transcript(
    stage: Stage, snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 12, 12, 0).timestamp()
    monkeypatch.setattr("vlmtui.ui.widgets.panes.chat_rows.time.time", lambda: noon)
    days = [0, 0, 1, 3, 4, 20, 25, 200, 500]
    for number, ago in enumerate(reversed(days)):
        title = TITLES[number % len(TITLES)]
        chat, question = stage.store.start(title, user(title))
        stage.store.add(chat.id, question.id, assistant("A red circle, on the left."), "fake")
        with stage.database.write() as connection:
            when = noon - ago * 86_400 - number * 600
            connection.execute("UPDATE chats SET updated = ? WHERE id = ?", (when, chat.id))
    stage.store.pin(3, True)

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "This week" in shown(pilot))
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(stage.app(), terminal_size=size, run_before=scene)


def test_the_figures_lie_over_a_narrow_transcript(stage: Stage, snap_compare: Any) -> None:
    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "sees pictures" in shown(pilot) or "Stats" in shown(pilot))
        await pilot.pause()

    assert snap_compare(stage.app(), terminal_size=NARROW, run_before=scene)


def test_help_lies_over_the_chat(stage: Stage, snap_compare: Any) -> None:
    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Type to search" in shown(pilot) and "Esc" in shown(pilot))

    assert snap_compare(stage.app(), terminal_size=NARROW, run_before=scene)


@SIZES
def test_the_message_under_the_cursor_has_its_actions_below(
    stage: Stage, snap_compare: Any, size: tuple[int, int]
) -> None:
    stage.engine.script(*answer(TEXT))
    stage.engine.script(*answer("A second opinion: a red circle, and a green square."))

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await _ask(pilot, "What do you see?")
        await pilot.press("alt+up", "r")
        await until(pilot, lambda: "A second opinion" in shown(pilot))
        await answered(pilot)
        await pilot.press("left")
        await until(pilot, lambda: "1/2" in shown(pilot) and "shapes" in shown(pilot))
        await answered(pilot)

    assert snap_compare(stage.app(), terminal_size=size, run_before=scene)


@SIZES
def test_a_rule_marks_where_the_model_changed(
    stage: Stage, snap_compare: Any, size: tuple[int, int]
) -> None:
    session = stage.session()
    list(session.send("What do you see?"))
    question, first = session.transcript()
    assert session.chat is not None
    again = stage.store.add(session.chat.id, first.id, question.message)
    stage.store.add(session.chat.id, again.id, first.message, "qwen2-vl-2b", "complete")

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await until(pilot, lambda: "qwen2-vl-2b ─" in shown(pilot))

    assert snap_compare(stage.app(continue_last=True), terminal_size=size, run_before=scene)


@SIZES
def test_the_models_to_choose_from_lie_over_the_chat(
    stage: Stage, snap_compare: Any, size: tuple[int, int]
) -> None:
    available_models = FullShelf()
    stage.available_models = lambda: available_models

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "too big" in shown(pilot))
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(stage.app(), terminal_size=size, run_before=scene)


@SIZES
def test_all_models_stand_beside_what_is_known_of_one(
    stage: Stage, snap_compare: Any, size: tuple[int, int]
) -> None:
    available_models = FullShelf()
    stage.available_models = lambda: available_models

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        await say(pilot, "/models")
        await until(pilot, lambda: "gemma" in shown(pilot))
        await pilot.press("down", "down", "down", "down")
        await until(pilot, lambda: "Gemma terms" in shown(pilot))

    assert snap_compare(stage.app(), terminal_size=size, run_before=scene)


def test_two_answers_stand_side_by_side(stage: Stage, snap_compare: Any) -> None:
    available_models = FullShelf()
    stage.available_models = lambda: available_models
    stage.engine.script(*answer(TEXT))
    stage.engine.script(*answer("A circle and a square."))

    async def scene(pilot: Pilot[int]) -> None:
        await _settle(pilot)
        screen_of(pilot).snapshot = None  # no memory: when it is told isn't the same twice
        await say(pilot, "/compare qwen2.5-vl-3b llava:7b What do you see?")
        await until(pilot, lambda: "Both answers are in the chat" in shown(pilot))
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(stage.app(), terminal_size=WIDE, run_before=scene)
