"""The chat screen reads ahead: what is attached, pasted or opened, shown in the composer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.fakes import INFO, FakeEngine, Gate, answer
from tests.ui.conftest import SNAPSHOT, Stage, answered, ask, ready, say, shown, type_text, until
from vlmtui.engine.engine_events import Encoded, Encoding, Prefill
from vlmtui.ui.screens.chat import ahead_topic
from vlmtui.ui.widgets.composer.composer import Composer
from vlmtui.ui.widgets.composer.token_area import FOLDED


@pytest.fixture
def reader(stage: Stage) -> Iterator[Stage]:
    stage.engine = FakeEngine(msgspec.structs.replace(INFO, can=INFO.can | {"prepare"}))
    yield stage


async def test_an_attached_picture_is_read_and_the_token_says_so(reader: Stage) -> None:
    half, rest = Gate(), Gate()
    reader.engine.script_prepare(
        Encoding(1, 1), Encoded(0, 64, 1.0, False), Prefill(16, 80, 0), half,
        Prefill(80, 80, 0), rest,
    )  # fmt: skip
    path = reader.picture()
    async with reader.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await say(pilot, f"/image {path}")
        await until(pilot, lambda: "reading 60 %" in shown(pilot))
        half.open()
        rest.open()
        await until(pilot, lambda: "─ ready ─" in shown(pilot))
        assert [part.name for part in reader.engine.prepared[-1].messages[-1].images] == [path.name]
        rounds = len(reader.engine.prepared)
        await type_text(pilot, "what is it")
        await pilot.pause(0.5)
        assert len(reader.engine.prepared) == rounds
        assert "─ ready ─" in shown(pilot)
        screen.query_one(Composer).action_submit()
        await answered(pilot)
        assert "ready ─" not in shown(pilot)
    assert reader.engine.requests[-1].messages[-1].text == "what is it"


async def test_a_question_does_not_wait_for_it(reader: Stage) -> None:
    gate = Gate()
    reader.engine.script_prepare(Encoding(1, 1), gate)
    reader.engine.script(*answer("Red."))
    path = reader.picture()
    async with reader.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await say(pilot, f"/image {path}")
        await until(pilot, lambda: reader.engine.prepared)
        await type_text(pilot, "what is it")
        screen.query_one(Composer).action_submit()
        await answered(pilot)
        assert "Red." in shown(pilot)


async def test_a_long_text_and_the_chat_that_is_opened_are_read(reader: Stage) -> None:
    async with reader.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "One?")
        await until(pilot, lambda: _read(reader) == ["One?", "Yes."])
        screen.prompt.text = "word " * FOLDED
        await until(pilot, lambda: _read(reader)[2:] and "ready ─" in shown(pilot))
        screen.prompt.text = ""
        await until(pilot, lambda: "ready ─" not in shown(pilot))
    reader.engine.prepared.clear()
    async with reader.app(continue_last=True).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: _read(reader) == ["One?", "Yes."])


async def test_a_hot_board_has_its_rest(reader: Stage, tmp_path: Path) -> None:
    path = reader.picture()
    async with reader.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        screen.snapshot = msgspec.structs.replace(SNAPSHOT, throttled_by=("cpu",))
        await pilot.pause(0.5)
        reader.engine.prepared.clear()
        await say(pilot, f"/image {path}")
        await until(pilot, lambda: "[image" in shown(pilot))
        await pilot.pause(0.6)
        assert not reader.engine.prepared and "reading" not in shown(pilot)


async def test_another_detail_or_system_prompt_is_read_anew(reader: Stage) -> None:
    old = Gate()
    path = reader.picture()
    async with reader.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await say(pilot, f"/image {path}")
        await until(pilot, lambda: reader.engine.prepared and "ready ─" in shown(pilot))
        reader.engine.script_prepare(Encoding(1, 1), old)  # this one isn't waited for
        screen.topics.commands.do("detail", "low")
        await until(pilot, lambda: reader.engine.prepared[-1].detail == "low")
        screen.topics.commands.do("detail", "high")
        await until(pilot, lambda: reader.engine.prepared[-1].detail == "high")
        screen.topics.commands.do("system", "Be brief.")
        await until(pilot, lambda: reader.engine.prepared[-1].messages[0].text == "Be brief.")
        rounds = len(reader.engine.prepared)
        screen.topics.commands.do("set", "seed 7")
        await pilot.pause(0.5)
    assert len(reader.engine.prepared) == rounds


def _read(stage: Stage) -> list[str]:
    """What was read last."""
    prepared = stage.engine.prepared
    return [message.text for message in prepared[-1].messages] if prepared else []


async def test_the_engine_has_a_second_occasion_to_keep_what_it_has_read(
    reader: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead_topic, "_LATER_S", 0.2)
    path = reader.picture()
    async with reader.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, f"/image {path}")
        await until(pilot, lambda: len(reader.engine.prepared) == 2)
        await pilot.pause(1.0)
        assert "ready ─" in shown(pilot)
    assert len(reader.engine.prepared) == 2
