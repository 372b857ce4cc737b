"""Two models answer one question, one after the other, side by side on the screen."""

from __future__ import annotations

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from tests.fakes import Gate, answer
from tests.ui.conftest import Stage, ask, ready, say, screen_of, shown, until
from tests.ui.test_chat_models import FakeShelf
from vlmtui.engine.engine_events import Delta
from vlmtui.errors import GenerateFailed, LoadFailed
from vlmtui.messages import Role
from vlmtui.ui.screens.compare_screen import CompareScreen

SIZE = (120, 36)
DONE = "Both answers are in the chat"


@pytest.fixture(autouse=True)
def available_models(stage: Stage) -> FakeShelf:
    made = FakeShelf()
    stage.available_models = lambda: made
    return made


async def compared(pilot: Pilot[int], line: str) -> CompareScreen:
    await say(pilot, line)
    await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
    screen = pilot.app.screen
    assert isinstance(screen, CompareScreen)
    return screen


async def over(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: DONE in shown(pilot))
    await pilot.app.workers.wait_for_complete()


def answers(stage: Stage) -> dict[str | None, str]:
    """The answers to the last question, by model."""
    session = stage.sessions[-1]
    last = session.transcript()[-1]
    found = {last.model: last.message.text}
    before = session.branches.neighbour(last.id, -1)
    while before is not None:
        stored = session.select(before)[-1]
        found[stored.model] = stored.message.text
        before = session.branches.neighbour(before, -1)
    return found


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_both_answer_the_question_behind_their_names(
    stage: Stage, size: tuple[int, int]
) -> None:
    stage.engine.script(*answer("A circle."))
    stage.engine.script(*answer("A ball."))
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        await compared(pilot, "/compare qwen2.5-vl-3b llava:7b What is it?")
        await over(pilot)
        text = shown(pilot)
        assert "A circle." in text
        assert "A ball." in text
        assert "What is it?" in text
        assert "tok/s" in text
        first, second = (column.region for column in pilot.app.screen.query(".column"))
        assert _beside(first, second) is (size[0] >= 100)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert "2/2" in shown(pilot)
        assert screen.engine_state.model == "fake"
    assert answers(stage) == {"qwen2.5-vl-3b": "A circle.", "llava:7b": "A ball."}
    names = [load.name for load in stage.engine.loads]
    assert names == ["fake", "qwen2.5-vl-3b", "llava:7b", "fake"]


def _beside(one: Region, two: Region) -> bool:
    return one.y == two.y and one.right <= two.x


async def test_the_last_question_is_asked_again_with_its_picture(stage: Stage) -> None:
    stage.picture("scene.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "@scene.png What is it?")
        await compared(pilot, "/compare llava:7b qwen2.5-vl-3b")
        await over(pilot)
    asked = [request.messages[-1] for request in stage.engine.requests]
    assert len(asked) == 3
    assert all(message.images and message.role is Role.USER for message in asked)
    assert set(answers(stage)) == {"fake", "llava:7b", "qwen2.5-vl-3b"}


async def test_a_new_question_takes_its_picture_along(stage: Stage) -> None:
    stage.picture("scene.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await compared(pilot, "/compare fake llava:7b @scene.png What is it?")
        await over(pilot)
    assert [len(request.messages[-1].images) for request in stage.engine.requests] == [1, 1]


async def test_a_model_that_does_not_load_says_so_in_its_column(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.engine.script_load(LoadFailed("It is [b]damaged", "Fetch it again"))
        screen = await compared(pilot, "/compare qwen2.5-vl-3b llava:7b What is it?")
        await over(pilot)
        assert "It is [b]damaged" in shown(pilot)
        assert "Yes." in shown(pilot)
        assert not screen.column(1).query("Notice")
    assert answers(stage) == {"llava:7b": "Yes."}


async def test_an_answer_that_breaks_off_leaves_the_other_one_its_turn(stage: Stage) -> None:
    stage.engine.script(Delta("Half", 1), GenerateFailed("The context is broken"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await compared(pilot, "/compare qwen2.5-vl-3b llava:7b What is it?")
        await over(pilot)
        assert "The context is broken" in shown(pilot)
    assert answers(stage) == {"qwen2.5-vl-3b": "Half", "llava:7b": "Yes."}


async def test_escape_stops_it_and_the_model_from_before_is_back(stage: Stage) -> None:
    stage.engine.script(Delta("Half", 1), Gate())
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await compared(pilot, "/compare qwen2.5-vl-3b llava:7b What is it?")
        await until(pilot, lambda: "Half" in shown(pilot))
        await pilot.press("escape")
        await over(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        assert (screen.engine_state.model, screen.topics.busy) == ("fake", False)
    assert answers(stage) == {"qwen2.5-vl-3b": "Half"}
    assert [load.name for load in stage.engine.loads] == ["fake", "qwen2.5-vl-3b", "fake"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/compare", "/compare needs"),
        ("/compare fake", "/compare needs two models"),
        ("/compare fake llava:7b", "There is no question in this chat yet"),
        ("/compare fake nemo What is it?", "There is no model named 'nemo'"),
    ],
)
async def test_what_can_not_be_compared_is_told(stage: Stage, line: str, told: str) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, line)
        await until(pilot, lambda: told in shown(pilot))
        await until(pilot, lambda: not screen.topics.busy)
    assert not stage.engine.requests
    assert len(stage.engine.loads) == 1
