"""What comes from outside is shown as text wherever it is shown, and nothing in it is obeyed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.fakes import INFO, Gate, answer
from tests.ui.conftest import SNAPSHOT, Stage, answered, ask, ready, say, screen_of, shown, until
from tests.ui.foreign import HOSTILE, TAG, assert_harmless
from vlmtui.engine.engine_events import Adjusted, Delta, Loaded
from vlmtui.errors import EngineCrashed, GenerateFailed
from vlmtui.messages import assistant, user
from vlmtui.ui.app import VlmtuiApp
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.search_screen import SearchScreen
from vlmtui.ui.widgets.composer.prompt_completion import PathChosen

SIZE = (160, 48)
NAME = HOSTILE.replace("\x00", "").replace("/", "∕")[:80]
"""What a file can be called."""

Place = Callable[[Stage, Pilot[int]], Awaitable[None]]


def _chat(stage: Stage, title: str = "a title", text: str = "An answer") -> None:
    chat, question = stage.store.start(title, user("a question"))
    stage.store.add(chat.id, question.id, assistant(text), "fake")


async def answer_that_streams(stage: Stage, pilot: Pilot[int]) -> None:
    gate = Gate()
    stage.engine.script(*answer(*HOSTILE, "\n\n", HOSTILE), gate, Delta(".", 999))
    await say(pilot, "Hello")
    gate.wait_reached()
    await until(pilot, lambda: TAG in shown(pilot))
    assert_harmless(pilot)
    gate.open()
    await answered(pilot)


async def answer_in_code(stage: Stage, pilot: Pilot[int]) -> None:
    stage.engine.script(*answer(f"```{HOSTILE}\n{HOSTILE}\n```\n| {TAG} | {HOSTILE} |\n|-|-|\n"))
    await ask(pilot, "Hello")


async def question(stage: Stage, pilot: Pilot[int]) -> None:
    await ask(pilot, f"What is {HOSTILE}?")


async def composer(stage: Stage, pilot: Pilot[int]) -> None:
    screen_of(pilot).prompt.text = HOSTILE


async def list_of_chats(stage: Stage, pilot: Pilot[int]) -> None:
    await pilot.press("f4")


async def hit_of_a_search(stage: Stage, pilot: Pilot[int]) -> None:
    await pilot.press("ctrl+f")
    await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
    await pilot.press(*"tag")
    await until(pilot, lambda: TAG[:5] in shown(pilot))


async def name_of_a_picture(stage: Stage, pilot: Pilot[int]) -> None:
    await pilot.press("ctrl+o")
    await until(pilot, lambda: TAG[:9] in shown(pilot))


async def figure(stage: Stage, pilot: Pilot[int]) -> None:
    path = next(path for path in stage.folder.iterdir() if path.suffix == ".png")
    screen_of(pilot).post_message(PathChosen(str(path), ""))
    await until(pilot, lambda: screen_of(pilot).prompt.images)
    await pilot.press("enter")
    await answered(pilot)


async def refusal(stage: Stage, pilot: Pilot[int]) -> None:
    stage.engine.script(GenerateFailed(HOSTILE, HOSTILE))
    await ask(pilot, "Hello")


async def death_of_the_engine(stage: Stage, pilot: Pilot[int]) -> None:
    stage.engine.script(EngineCrashed(HOSTILE, HOSTILE, phase=HOSTILE, log_tail=HOSTILE))
    await ask(pilot, "Hello")


async def name_of_the_model(stage: Stage, pilot: Pilot[int]) -> None:
    hostile = replace(INFO, name=HOSTILE, description=HOSTILE, architecture=HOSTILE)
    stage.engine.script(Adjusted(HOSTILE, HOSTILE), Loaded(hostile), Delta("Yes", 1))
    await ask(pilot, "Hello")
    await pilot.press("f5")


async def note_of_the_hardware(stage: Stage, pilot: Pilot[int]) -> None:
    app = pilot.app
    assert isinstance(app, VlmtuiApp)
    app.take_snapshot(replace(SNAPSHOT, notes=(HOSTILE,)))
    await until(pilot, lambda: TAG in shown(pilot))


async def complaint_about_a_command(stage: Stage, pilot: Pilot[int]) -> None:
    await say(pilot, f"/open {TAG} {HOSTILE}")
    await pilot.app.workers.wait_for_complete()


async def details(stage: Stage, pilot: Pilot[int]) -> None:
    stage.engine.script(GenerateFailed(HOSTILE, HOSTILE))
    await ask(pilot, "Hello")
    await pilot.press("alt+up", "i")
    await until(pilot, lambda: len(pilot.app.screen_stack) > 1)


async def asked_before(stage: Stage, pilot: Pilot[int]) -> None:
    await ask(pilot, HOSTILE)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: len(pilot.app.screen_stack) > 1)


async def system_prompt(stage: Stage, pilot: Pilot[int]) -> None:
    await say(pilot, f"/system {HOSTILE}")
    await until(pilot, lambda: "its own system prompt" in shown(pilot))
    assert_harmless(pilot)
    await say(pilot, "/system")
    await until(pilot, lambda: len(pilot.app.screen_stack) > 1)


PLACES: list[Place] = [
    answer_that_streams,
    answer_in_code,
    question,
    composer,
    list_of_chats,
    hit_of_a_search,
    name_of_a_picture,
    figure,
    refusal,
    death_of_the_engine,
    name_of_the_model,
    note_of_the_hardware,
    complaint_about_a_command,
    details,
    asked_before,
    system_prompt,
]
PARTLY = {hit_of_a_search, name_of_a_picture, figure, complaint_about_a_command, composer}
"""Where the room is short, only the beginning is seen."""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
async def test_foreign_text_is_only_text(stage: Stage, place: Place) -> None:
    _chat(stage, TAG + HOSTILE, f"{TAG} {HOSTILE}")
    stage.picture(f"{TAG.replace('/', '∕')}{NAME}.png")
    async with stage.app(memory=Memory()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await place(stage, pilot)
        await pilot.pause()
        assert_harmless(pilot)
        seen = shown(pilot)
        assert ("[red]" if place in PARTLY else TAG) in seen
        await pilot.pause(0.1)
        assert_harmless(pilot)


async def test_the_title_of_the_window_is_only_a_title(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _chat(stage, HOSTILE)
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        from vlmtui.terminal.driver import TerminalDriver

        written: list[str] = []
        driver = TerminalDriver.__new__(TerminalDriver)
        driver._has_title, driver._writer_thread = True, None
        monkeypatch.setattr(driver, "write", written.append)
        driver.name_window(pilot.app.sub_title)
        driver._write_title()
    [command] = written
    assert command.startswith("\x1b]2;") and command.endswith("\x07")
    assert command[4:-1].isprintable()


async def test_a_line_of_ten_megabytes_leaves_the_keyboard_alive(stage: Stage) -> None:
    line = "a" * 10_000_000
    stage.engine.script(Delta(line, 1), Delta(" b", 2))
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, "Go on")
        await pilot.press(*"typed")
        await until(pilot, lambda: screen_of(pilot).prompt.text == "typed")
        await answered(pilot)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "typed" in shown(pilot) and "aaaa" in shown(pilot))
        await pilot.press("ctrl+home")
        await pilot.press("ctrl+end")
    [chat] = stage.store.recent()
    assert stage.store.thread(chat.id)[-1].message.text == line + " b"


def test_a_folder_can_be_called_anything(tmp_path: Path) -> None:
    """The name above is one that a file can really have."""
    (tmp_path / NAME).touch()
