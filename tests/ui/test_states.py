"""What the chat shows while nothing is there yet, and while an answer is on its way."""

from __future__ import annotations

import pytest

from tests.fakes import Gate, answer
from tests.ui.conftest import Stage, answered, ready, say, screen_of, shown, type_text, until
from vlmtui.engine.engine_events import Delta, Encoding, Prefill, Waiting
from vlmtui.ui.widgets.parts import Parts
from vlmtui.ui.widgets.transcript.answer_block import Answer
from vlmtui.ui.widgets.transcript.notice import Notice
from vlmtui.ui.widgets.transcript.transcript import Transcript
from vlmtui.ui.widgets.transcript.welcome import LOGO, Welcome

SIZES = pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36)])


def footer(stage_screen: object) -> str:
    """What stands below the last answer; empty where nothing is shown."""
    newest = list(stage_screen.query(Answer))[-1:]  # which may not have its parts yet
    lines = [line for answer in newest for line in answer.query(Parts)]
    return lines[0].plain if lines and lines[0].display else ""


def waits(screen: object) -> str:
    """What the newest answer waits for, without what turns beside it and the seconds behind it."""
    return footer(screen)[2:].partition(" · ")[0]


async def test_an_answer_says_what_it_waits_for_until_its_words_come(stage: Stage) -> None:
    gates = [Gate() for _ in range(3)]
    stage.engine.script(
        *(Encoding(1, 2), gates[0], Prefill(48, 96, 16), gates[1], Delta("A circle", 1), gates[2])
    )
    async with stage.app().run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        for gate, expected in zip(gates, ("encoding picture 1/2", "prefill 40 %", ""), strict=True):
            await until(
                pilot,
                lambda expected=expected, gate=gate: (
                    gate._reached.is_set() and screen.query(Answer) and waits(screen) == expected
                ),
            )
            gate.open()
        await answered(pilot)
        assert footer(screen).startswith("4 tokens")


async def test_esc_leaves_the_queue_for_memory_with_a_question_and_without(stage: Stage) -> None:
    for _ in range(2):
        stage.engine.script_load(Waiting(1, "pts/3", "large"), Gate())
    async with stage.app().run_test(size=(100, 30)) as pilot:
        screen = screen_of(pilot)
        await until(pilot, lambda: "waiting for large" in screen.engine_state.label())
        await pilot.press("escape")
        await until(pilot, lambda: screen.engine_state.label() == "not loaded")
        await say(pilot, "go")
        await until(pilot, lambda: "waiting for large" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped" in shown(pilot))


async def test_an_answer_that_goes_on_says_what_it_waits_for(stage: Stage) -> None:
    cut_off, again = Gate(), Gate()
    stage.engine.script(Delta("One, two", 2), cut_off)
    stage.engine.script(Prefill(48, 96, 16), again, Delta(", three", 3))
    async with stage.app().run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        await say(pilot, "Count")
        await until(pilot, lambda: "One, two" in shown(pilot))
        await pilot.press("escape")
        await answered(pilot)
        assert footer(screen).startswith("■ stopped")
        await say(pilot, "/continue")
        await until(pilot, lambda: waits(screen) == "prefill 40 %")
        again.open()
        await answered(pilot)
        assert "One, two, three" in shown(pilot)
        assert "stopped" not in footer(screen)


@SIZES
async def test_the_welcome_is_seen_whole(stage: Stage, size: tuple[int, int]) -> None:
    sample = stage.picture("directory/" * 9 + "sample.png")
    async with stage.app(samples=(sample,)).run_test(size=size) as pilot:
        await ready(pilot)
        text = shown(pilot)
        for word in ("fake", "@path", "Ctrl+O", "F1", "F2", "Try it  /sample"):
            assert word in text
        assert (LOGO[0] in text) == (size[1] > 15)
        assert screen_of(pilot).query_one(Transcript).max_scroll_y == 0
        # what is wrapped stays in its column
        lines = screen_of(pilot).query_one(Welcome)._lines(40)
        assert all(
            line.plain[:8].strip() in ("", "@path", "Ctrl+O", "F1", "F2", "Try it")
            or "fake" in line.plain
            or line.plain in LOGO
            for line in lines
        )


@SIZES
async def test_each_completion_takes_one_line(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "/")
        await until(pilot, lambda: len(screen.prompt.completion.list.candidates) > 5)
        await until(pilot, lambda: "/regen" in shown(pilot))
        lines = shown(pilot).splitlines()
        rows = [number for number, line in enumerate(lines) if line.lstrip().startswith("/")]
        assert [lines[row].split()[0] for row in rows[:6]] == [
            *("/image", "/pick", "/sample", "/crop", "/view", "/regen")
        ]
        assert rows[:6] == list(range(rows[0], rows[0] + 6))


async def test_without_a_picture_the_side_pane_has_room_for_the_model(stage: Stage) -> None:
    stage.picture("scene.png", (96, 96))
    stage.engine.script(*answer("Yes."))
    async with stage.app().run_test(size=(120, 27)) as pilot:
        screen = await ready(pilot)
        assert "sees pictures" in shown(pilot)
        await say(pilot, "/image scene.png")
        await until(pilot, lambda: screen.image is not None)
        await until(pilot, lambda: "sees pictures" not in shown(pilot))
        assert "Stats ─" in shown(pilot)


async def test_what_was_asked_for_is_no_warning(stage: Stage) -> None:
    async with stage.app().run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/set")
        await until(pilot, lambda: "temperature" in shown(pilot))
        assert screen.query_one(Notice).has_class("asked")
