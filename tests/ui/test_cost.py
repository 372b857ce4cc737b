"""What the pictures in the composer will cost, in its border before they are sent."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from textual.pilot import Pilot

from tests.fakes import INFO, FakeEngine, Gate, answer
from tests.ui.conftest import Stage, answered, ready, say, screen_of, shown, type_text, until
from vlmtui.messages import Detail, ImagePart
from vlmtui.ui.screens.chat import cost_topic


def tokens(image: ImagePart, detail: Detail) -> int:
    return {"normal": 391, "high": 1054}[str(image.detail or detail)]


@pytest.fixture
def telling(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A model with a choice."""
    monkeypatch.setattr(cost_topic, "_AGAIN_S", 0.05)
    stage.engine = FakeEngine(msgspec.structs.replace(INFO, picture_tokens=(4, 2916)))
    stage.engine.measured = tokens
    yield stage


async def attach(pilot: Pilot[int], stage: Stage, name: str) -> None:
    await say(pilot, f"/image {stage.picture(name)}")


async def test_the_cost_follows_pictures_and_detail_and_goes_with_them(telling: Stage) -> None:
    telling.engine.script(*answer("Red."))
    async with telling.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await attach(pilot, telling, "a.png")
        await until(pilot, lambda: "─ 391 tokens of 4,096 ─" in shown(pilot))
        telling.sessions[-1].preferences.change(sampling={"detail": "high"})
        await until(pilot, lambda: "─ 1,054 tokens of 4,096 ─" in shown(pilot))
        await type_text(pilot, "What is it?")
        await pilot.press("enter")
        await answered(pilot)
        await until(pilot, lambda: "of 4,096 ─" not in shown(pilot))


async def test_several_are_added_up(telling: Stage) -> None:
    async with telling.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, f"/image {telling.picture('a.png')} {telling.picture('b.png', (99, 20))}")
        await until(pilot, lambda: "─ 2 pictures, 782 tokens of 4,096 ─" in shown(pilot))


async def test_it_comes_when_the_engine_is_free(telling: Stage) -> None:
    gate = Gate()
    telling.engine.script(gate, *answer("Red."))
    async with telling.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, "First?")
        gate.wait_reached()
        await attach(pilot, telling, "a.png")
        await until(pilot, lambda: bool(screen_of(pilot).prompt.images))
        assert "tokens of 4,096" not in shown(pilot)
        gate.open()
        await until(pilot, lambda: "─ 391 tokens of 4,096 ─" in shown(pilot))


async def test_where_nobody_can_tell_nothing_is_said(stage: Stage) -> None:
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await attach(pilot, stage, "a.png")
        await until(pilot, lambda: bool(screen_of(pilot).prompt.images))
        await pilot.pause(0.3)
        assert "tokens of 4,096" not in shown(pilot)
