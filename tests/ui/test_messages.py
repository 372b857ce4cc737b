"""What a reader does with messages, on the whole application with a scripted engine."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot

from tests.fakes import STATS, Gate, answer
from tests.ui.conftest import Stage, answered, ready, say, screen_of, shown, type_text, until
from vlmtui.engine.engine_events import Delta, Finished
from vlmtui.ui.screens.chat.chat_screen import ChatScreen

SIZE = (100, 32)
CODE = "One:\n\n```python\nx = 1\n```\n\nTwo:\n\n```sh\nls *.png\nfile a.png\n```\n"


async def done(pilot: Pilot[int]) -> None:
    """Workers are through, and what they brought is on the screen."""
    await answered(pilot)
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def asked(pilot: Pilot[int], text: str = "What is it?") -> ChatScreen:
    screen = await ready(pilot)
    await say(pilot, text)
    await done(pilot)
    return screen


async def test_the_message_under_the_cursor_says_what_can_be_done_with_it(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("alt+up")
        await until(
            pilot, lambda: "y copy · r again · R model · d delete · i details" in _spaced(pilot)
        )
        await pilot.press("up")
        await until(pilot, lambda: "y copy · e edit · d delete · i details" in _spaced(pilot))
        assert "r again" not in _spaced(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "details" not in _spaced(pilot))
        await pilot.press("y")
        assert screen_of(pilot).prompt.text == "y"


async def test_what_can_be_done_with_a_message_higher_than_the_view_is_seen_too(
    stage: Stage,
) -> None:
    stage.engine.script(*answer("word\n\n" * 60))
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await asked(pilot)
        await pilot.press("alt+up", "home", "end")
        await until(pilot, lambda: "Enter send" not in shown(pilot))
        border = shown(pilot).splitlines()[-2]
        assert "y copy · r again" in border and "Esc back" in border
        await pilot.press("escape")
        await until(pilot, lambda: "Enter send" in shown(pilot))


@pytest.mark.parametrize("key", ["alt+up", "ctrl+up"])
async def test_a_message_is_copied_by_key(stage: Stage, key: str) -> None:
    stage.engine.script(*answer("A **red** circle."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press(key, "y")
        await until(pilot, lambda: "Copied the answer, 17 characters" in shown(pilot))
        assert pilot.app.clipboard == "A **red** circle."


async def test_one_of_several_blocks_of_code_is_picked_by_its_number(stage: Stage) -> None:
    stage.engine.script(*answer(CODE))
    async with stage.app().run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("alt+up", "c")
        await until(pilot, lambda: "1 python, 1 line · 2 sh, 2 lines" in _spaced(pilot))
        await pilot.press("2")
        await until(pilot, lambda: "Copied 2 lines of sh code" in shown(pilot))
        assert pilot.app.clipboard == "ls *.png\nfile a.png"


async def test_copying_by_command_takes_the_last_answer_or_its_code(stage: Stage) -> None:
    stage.engine.script(*answer(CODE))
    async with stage.app().run_test(size=SIZE) as pilot:
        await asked(pilot)
        await say(pilot, "/copy code")
        await until(pilot, lambda: pilot.app.clipboard == "ls *.png\nfile a.png")
        await say(pilot, "/copy")
        await until(pilot, lambda: pilot.app.clipboard == CODE)


async def test_an_action_is_clicked(stage: Stage) -> None:
    stage.engine.script(*answer("A circle."))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        await pilot.click("Answer")
        await until(pilot, lambda: screen.query("ActionLine"))
        await pilot.pause()
        await pilot.click("ActionLine", offset=(1, 0))
        await until(pilot, lambda: pilot.app.clipboard == "A circle.")


async def test_after_a_click_letters_still_go_to_the_composer(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        await pilot.click("Answer")
        await until(pilot, lambda: screen.query("ActionLine"))
        await pilot.press(*"delete")
        await until(pilot, lambda: screen.prompt.text == "delete")
        assert len(screen.transcript.messages()) == 2


async def test_another_answer_stands_beside_the_first_and_arrows_lead_between_them(
    stage: Stage,
) -> None:
    stage.engine.script(*answer("The first answer."))
    stage.engine.script(*answer("The second answer."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("alt+up", "r")
        await until(pilot, lambda: "The second answer." in shown(pilot))
        await done(pilot)
        assert "fake  2/2" in shown(pilot)
        assert "The first answer." not in shown(pilot)
        await pilot.press("left")
        await until(pilot, lambda: "The first answer." in shown(pilot))
        assert "fake  1/2" in shown(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "The second answer." in shown(pilot))


async def test_an_earlier_question_is_edited_and_asked_beside_the_old_one(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot, "first")
        await say(pilot, "second")
        await done(pilot)
        await pilot.press("alt+up", "up", "up", "up")
        await pilot.press("e")
        await until(pilot, lambda: "Editing an earlier question" in shown(pilot))
        assert screen.prompt.text == "first"
        await pilot.press("!", "enter")
        await until(pilot, lambda: "first!" in shown(pilot))
        await done(pilot)
        text = shown(pilot)
        assert "you  2/2" in text
        assert "second" not in text
        assert "Editing" not in text
    assert [m.text for m in stage.engine.requests[-1].messages] == ["first!"]


async def test_leaving_the_edit_brings_back_what_was_being_written(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        screen.prompt.text = "half a thought"
        await pilot.press("alt+up", "up", "e")
        await until(pilot, lambda: screen.prompt.text == "What is it?")
        await pilot.press("escape")
        await until(pilot, lambda: screen.prompt.text == "half a thought")
        assert "Editing" not in shown(pilot)


async def test_what_was_deleted_comes_back(stage: Stage) -> None:
    stage.engine.script(*answer("The answer."))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        await pilot.press("alt+up", "d")
        await until(pilot, lambda: "Deleted the message and everything after it" in shown(pilot))
        assert "The answer." not in shown(pilot)
        await pilot.press("u")
        await until(pilot, lambda: "Restored the message" in shown(pilot))
        assert "The answer." in shown(pilot)
        await pilot.press("escape")
        await say(pilot, "/delete")
        await until(pilot, lambda: not screen.transcript.messages())
        await say(pilot, "/undo")
        await until(pilot, lambda: "The answer." in shown(pilot))


async def test_an_answer_that_was_cut_off_goes_on_in_its_place(stage: Stage) -> None:
    stage.engine.script(Delta("It is a", 3), Finished("length", STATS))
    stage.engine.script(Delta(" circle.", 5))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        await pilot.press("alt+up")
        await until(pilot, lambda: "n continue" in _spaced(pilot))
        await pilot.press("n")
        await until(pilot, lambda: "It is a circle." in shown(pilot))
        await done(pilot)
        assert len(screen.transcript.messages()) == 2
        assert "n continue" not in _spaced(pilot)


async def test_only_a_model_that_goes_on_with_an_answer_is_offered_it(stage: Stage) -> None:
    stage.engine.script(Delta("It is a", 3), Finished("length", STATS))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        state = screen.engine_state
        assert state.info is not None
        info = msgspec.structs.replace(state.info, can=frozenset(["pictures"]))
        screen.engine_state = msgspec.structs.replace(state, info=info)
        await pilot.press("alt+up")
        await until(pilot, lambda: "r again" in _spaced(pilot))
        assert "n continue" not in _spaced(pilot)


async def test_while_an_answer_comes_nothing_is_changed(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(*answer("The first."))
    stage.engine.script(Delta("The", 1), gate, Delta(" second.", 2))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        await say(pilot, "again")
        await until(pilot, lambda: len(screen.transcript.messages()) == 4)
        await pilot.press("alt+up", "up", "up", "d")
        await until(pilot, lambda: "An answer is on its way" in shown(pilot))
        gate.open()
        await done(pilot)
        assert len(screen.transcript.messages()) == 4


async def test_the_details_of_an_answer_are_shown(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("alt+up", "i")
        await until(pilot, lambda: "Esc close" in shown(pilot))
        text = shown(pilot)
        for told in ("fake", "32.0 tok/s", "0.75 s", "84 of 4,096", "16 tokens"):
            assert told in text
        await pilot.press("escape")
        await until(pilot, lambda: "Esc close" not in shown(pilot))
        await until(pilot, lambda: "i details" in _spaced(pilot))


async def test_a_change_of_the_model_is_marked(stage: Stage) -> None:
    session = stage.session()
    list(session.send("one"))
    assert session.chat is not None
    leaf = session.transcript()[-1].id
    question = stage.store.add(session.chat.id, leaf, session.transcript()[0].message)
    stage.store.add(
        session.chat.id, question.id, session.transcript()[1].message, "other", "complete"
    )
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "─ fake → other ─" in shown(pilot))


def _spaced(pilot: Pilot[int]) -> str:
    """The screen with plain spaces: the actions have such that keep a key with its word."""
    return " ".join(shown(pilot).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize(
    ("typed", "told"),
    [("/continue", "There is no answer to continue"), ("/regen", "There is no question")],
)
async def test_what_can_not_be_done_leaves_no_trace_in_the_chat(
    stage: Stage, typed: str, told: str
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, typed)
        await until(pilot, lambda: told in shown(pilot) and not screen.topics.busy)
        assert screen.transcript.entries == []
        await type_text(pilot, "a")
        await until(pilot, lambda: told not in shown(pilot))


async def test_no_action_is_torn_from_its_key(stage: Stage) -> None:
    async with stage.app().run_test(size=(60, 15)) as pilot:
        await asked(pilot)
        await pilot.press("alt+up", "r")
        await until(pilot, lambda: "2/2" in shown(pilot))
        await done(pilot)
        await until(pilot, lambda: "Esc back" in shown(pilot))
        for action in ("y copy", "R model", "d delete", "i details"):
            assert action in shown(pilot)
