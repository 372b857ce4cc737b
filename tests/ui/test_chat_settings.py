"""How a chat is answered, set while one chats."""

from __future__ import annotations

from tests.fakes import answer
from tests.ui.conftest import Stage, ask, ready, say, screen_of, shown, type_text, until
from vlmtui.messages import Role
from vlmtui.settings import Preset
from vlmtui.ui.screens.dialogs.chooser import CommandChooser
from vlmtui.ui.screens.dialogs.text_editor import TextEditor
from vlmtui.ui.widgets.heading import Heading

SIZE = (120, 36)


async def test_what_is_set_holds_for_this_chat_from_the_next_answer_on(stage: Stage) -> None:
    stage.engine.script(*answer("One."))
    stage.engine.script(*answer("Two."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/set temperature 0.9")
        await until(pilot, lambda: "temperature 0.9 in this chat" in shown(pilot))
        await say(pilot, "/set stop END")
        await until(pilot, lambda: "stop 'END' in this chat" in shown(pilot))
        await ask(pilot, "go")
        await say(pilot, "/set temperature default")
        await until(pilot, lambda: "as in the settings" in shown(pilot))
        await ask(pilot, "go")
    first, second = stage.engine.requests
    assert (first.sampling.temperature, first.sampling.stop) == (0.9, ("END",))
    assert (second.sampling.temperature, second.sampling.stop) == (0.2, ("END",))


async def test_settings_alone_are_listed_with_their_owner(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/set seed 7")
        await until(pilot, lambda: "seed 7" in shown(pilot))
        await say(pilot, "/set")
        await until(pilot, lambda: "Settings of this chat" in shown(pilot))
        lines = shown(pilot).splitlines()
        assert any("seed" in line and "7" in line and "own" in line for line in lines)
        assert not any("top_k" in line and "own" in line for line in lines)


async def test_a_value_that_can_not_be_is_told_and_changes_nothing(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/set top_p 7")
        await until(pilot, lambda: "from 0 to 1" in shown(pilot))
        assert stage.sessions[-1].preferences.own_sampling == {}


async def test_a_system_prompt_is_given_on_the_line_or_in_an_editor(stage: Stage) -> None:
    stage.engine.script(*answer("Arr."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/system Be [bold]a pirate.")
        await until(pilot, lambda: "Be [bold]a pirate." in shown(pilot))
        await say(pilot, "/system")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextEditor))
        await type_text(pilot, " Arr")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        await until(
            pilot, lambda: stage.sessions[-1].preferences.system == "Be [bold]a pirate. Arr"
        )
        await ask(pilot, "go")
    system, _ = stage.engine.requests[0].messages
    assert system.role is Role.SYSTEM
    assert system.text == "Be [bold]a pirate. Arr"


async def test_leaving_the_editor_changes_nothing(stage: Stage) -> None:
    async with stage.app().run_test(size=(60, 15)) as pilot:
        await ready(pilot)
        await say(pilot, "/system")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextEditor))
        await type_text(pilot, "never")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        await pilot.app.workers.wait_for_complete()
        assert stage.sessions[-1].preferences.own_system is None


async def test_a_preset_is_taken_by_name_or_from_the_list(stage: Stage) -> None:
    mine = Preset(system="Like a poet.", top_k=3)
    async with stage.app(presets={"mine": mine}).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/preset mine")
        await until(pilot, lambda: "Answers are mine in this chat" in shown(pilot))
        title = pilot.app.screen.query_one("#title", Heading)
        await until(pilot, lambda: title.note.endswith(" · top_k 3, a system prompt"))
        session = stage.sessions[-1]
        assert (session.preferences.system, session.preferences.own_sampling) == (
            "Like a poet.",
            {"top_k": 3},
        )
        await say(pilot, "/preset")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandChooser))
        await type_text(pilot, "precise")
        await pilot.press("enter")
        await until(pilot, lambda: session.preferences.own_sampling == {"temperature": 0.0})
        await say(pilot, "/preset default")
        await until(
            pilot,
            lambda: session.preferences.own_system is None and not session.preferences.own_sampling,
        )
        await say(pilot, "/preset poet")
        await until(pilot, lambda: "There is no preset poet" in shown(pilot))
        await until(pilot, lambda: screen_of(pilot).prompt.text == "/preset poet")


async def test_a_chat_with_settings_of_its_own_says_so_when_it_is_opened(stage: Stage) -> None:
    stage.engine.script(*answer("One."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/set seed 7")
        await until(pilot, lambda: "seed 7" in shown(pilot))
        await ask(pilot, "go")
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "its own settings: seed 7" in shown(pilot))
