"""A thought on the screen: one growing line, folded when the answer begins, shown when wanted."""

from __future__ import annotations

import msgspec
import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from tests.fakes import INFO, STATS, FakeEngine, Gate, answer, crash
from tests.ui.conftest import Stage, answered, ask, ready, say, screen_of, shown, until
from vlmtui.engine.engine_events import Delta, Finished, Thought
from vlmtui.ui.widgets.transcript.thought_view import ThoughtView

SIZE = (80, 30)
TOOK = msgspec.structs.replace(STATS, thought_tokens=340, thought_s=12.0)
WORDS = "Let me see what [b]there[/b] is"


def thought(pilot: Pilot[int]) -> ThoughtView:
    return screen_of(pilot).query(ThoughtView).last()


def line(pilot: Pilot[int]) -> str:
    """The line in which the thought is told; empty before there is one."""
    views = screen_of(pilot).query(ThoughtView)
    region = views.last().region if views else Region()
    return shown(pilot).splitlines()[region.y] if region.height == 1 else ""


@pytest.fixture
def thinker(stage: Stage) -> FakeEngine:
    """An engine that ends a thought when it is told to."""
    stage.engine._info = msgspec.structs.replace(INFO, can=INFO.can | {"thinking", "conclude"})
    return stage.engine


async def test_it_is_one_line_that_grows_and_folds(stage: Stage, thinker: FakeEngine) -> None:
    gate, later = Gate(), Gate()
    words = (*(Thought(f"word{each} ", each) for each in range(1, 340)), Thought(WORDS, 340))
    thinker.script(*words, gate, Delta("A red", 341), later, Finished("stop", TOOK))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "What?")
        await until(pilot, lambda: line(pilot).endswith(WORDS))
        assert "● thinking" in line(pilot)
        assert "word1 " not in shown(pilot)
        gate.open()
        await until(pilot, lambda: "▸ thought for" in shown(pilot))
        assert "A red" in shown(pilot)
        assert WORDS not in shown(pilot)
        later.open()
        await answered(pilot)
        assert "▸ thought for 12.0 s, 340 tokens" in shown(pilot)


async def test_a_click_the_key_and_the_command_unfold_it(stage: Stage, thinker: FakeEngine) -> None:
    thinker.script(Thought(WORDS, 340), *answer("A red"), Finished("stop", TOOK))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "What?")
        await pilot.press("alt+up", "t")
        await until(pilot, lambda: WORDS in shown(pilot) and "▾" in shown(pilot))
        await pilot.press("escape")
        await pilot.click(thought(pilot), offset=(5, 0))
        await until(pilot, lambda: WORDS not in shown(pilot) and "▸" in shown(pilot))
        screen_of(pilot).prompt.focus_composer()
        await say(pilot, "/thought")
        await until(pilot, lambda: WORDS in shown(pilot))
        assert screen_of(pilot).transcript.messages()[-1].text == "A red"


async def test_it_is_folded_when_the_chat_is_opened_again(
    stage: Stage, thinker: FakeEngine
) -> None:
    thinker.script(Thought(WORDS, 340), *answer("A red"), Finished("stop", TOOK))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "What?")
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "▸ thought for 12.0 s, 340 tokens" in shown(pilot))
        assert WORDS not in shown(pilot)


async def test_escape_ends_the_thought_and_then_the_answer(
    stage: Stage, thinker: FakeEngine
) -> None:
    thinking, answering = Gate(), Gate()
    thinker.script(Thought("Hm", 1), thinking, Delta("A red", 2), answering, Delta(" car", 3))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "What?")
        await until(pilot, lambda: "● thinking" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "A red" in shown(pilot))
        assert (thinker.concludes, thinker.cancels) == (1, 0)
        await pilot.press("escape")
        await until(pilot, lambda: not screen.engine_state.busy)
        assert "stopped" in shown(pilot)
        assert " car" not in shown(pilot)


async def test_escape_says_where_a_thought_cant_be_ended_alone(
    stage: Stage, thinker: FakeEngine
) -> None:
    thinker._info = msgspec.structs.replace(INFO, can=INFO.can | {"thinking"})
    thinking = Gate()
    thinker.script(Thought("Hm", 1), thinking, *answer("A red"))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "What?")
        await until(pilot, lambda: "● thinking" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "can't end a thought alone" in shown(pilot))
        await until(pilot, lambda: not screen.engine_state.busy)
        assert thinker.cancels and not thinker.concludes


async def test_a_thought_without_an_answer_is_told(stage: Stage, thinker: FakeEngine) -> None:
    thinker.script(Thought(WORDS, 340), Finished("context", TOOK))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "What?")
        await until(pilot, lambda: "The model thought until the context was" in shown(pilot))
        assert "▸ thought for 12.0 s, 340 tokens" in shown(pilot)


async def test_a_thought_that_breaks_off_is_kept(stage: Stage, thinker: FakeEngine) -> None:
    thinker.script(Thought(WORDS, 340), crash("decode"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "What?")
        await until(pilot, lambda: "The engine stopped" in shown(pilot))
        assert "▸ thought" in shown(pilot)
        assert thought(pilot).text == WORDS


async def test_a_thought_of_100_000_tokens_is_one_line(stage: Stage, thinker: FakeEngine) -> None:
    piece = "what there is and " * 25
    thinker.script(*(Thought(piece, 100 * each) for each in range(1, 1001)), *answer("Red."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "What?")
        assert "Red." in shown(pilot)
        assert len(thought(pilot).text) > 400_000
        assert thought(pilot).region.height == 1
