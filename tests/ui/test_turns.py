"""Who owns a question until it is on disk: whatever ends a turn before, it is given back."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from unittest.mock import Mock

import pytest

from tests.fakes import Gate, answer
from tests.ui.conftest import Stage, answered, ask, ready, say, shown, type_text, until
from tests.ui.test_chat_models import FakeShelf
from vlmtui.engine.engine_events import Delta, Loading
from vlmtui.errors import GenerateFailed, LoadFailed, StorageError
from vlmtui.ui.screens.compare_screen import CompareScreen
from vlmtui.ui.screens.dialogs.yes_or_no import YesOrNo

SIZE = (100, 30)


@pytest.fixture
def models(stage: Stage) -> FakeShelf:
    made = FakeShelf()
    stage.available_models = lambda: made
    return made


class FullDisk:
    """Refuses questions as long as it is full, and lets a test act while one is refused."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.full = True
        really = stage.store.start

        def start(*arguments: object) -> object:
            self.asked.set()
            assert self.go_on.wait(60)
            if self.full:
                raise StorageError("The disk is full", "Make room")
            return really(*arguments)

        monkeypatch.setattr(stage.store, "start", start)


async def test_a_refused_question_comes_back_before_what_was_typed_since(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(stage, monkeypatch)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "What is it?")
        await until(pilot, disk.asked.is_set)
        await until(pilot, lambda: screen.prompt.text == "")
        await type_text(pilot, "and why")
        disk.go_on.set()
        await until(pilot, lambda: "The disk is full" in shown(pilot))
        await answered(pilot)
        assert screen.prompt.text == "What is it?\n\nand why"
        disk.full = False
        await pilot.press("enter")
        await answered(pilot)
        question = stage.sessions[-1].transcript()[0]
        assert question.message.text == "What is it?\n\nand why"


async def test_leaving_before_a_question_is_on_disk_keeps_it_as_a_draft(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(stage, monkeypatch)
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "What is it?")
        await until(pilot, disk.asked.is_set)
        await type_text(pilot, "more")
        asyncio.get_running_loop().call_later(0.5, disk.go_on.set)  # leaving waits for it
        await pilot.press("ctrl+q")
    with closing(sqlite3.connect(stage.database.path)) as connection:
        kept = connection.execute("SELECT text FROM drafts").fetchall()
    assert kept == [("What is it?\n\nmore",)]


async def test_leaving_tells_where_the_words_are_that_the_database_refuses(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = Mock(side_effect=StorageError("The database is locked", "Try again"))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        monkeypatch.setattr(stage.store.drafts, "save", locked)
        screen.prompt.text = "words"
        await pilot.press("ctrl+q")
    assert (refused := pilot.app.chat.conversation.refused) is not None
    assert "comes back at the next start" in refused.hint


async def test_a_comparison_stopped_while_the_first_model_loads_gives_its_question_back(
    stage: Stage, models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        stage.engine.script_load(Loading(0.25), Gate())
        await say(pilot, "/compare qwen2.5-vl-3b llava:7b What is it?")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await until(pilot, lambda: "25" in shown(pilot))
        await pilot.press("escape")
        await answered(pilot)
        assert screen.prompt.text == "/compare qwen2.5-vl-3b llava:7b What is it?"
        assert stage.sessions[-1].transcript() == []


async def test_a_comparison_of_which_no_model_loads_gives_its_question_back_once(
    stage: Stage, models: FakeShelf
) -> None:
    line = "/compare qwen2.5-vl-3b llava:7b What is it?"
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        stage.engine.script(*answer("A circle."))
        await ask(pilot, "one")
        for _ in range(2):
            stage.engine.script_load(LoadFailed("It is damaged"))
            stage.engine.script_load()
        await say(pilot, line)
        await until(pilot, lambda: "Both answers" in shown(pilot))
        await answered(pilot)
        assert screen.prompt.text == line
        await pilot.press("escape")
        screen.prompt.text = ""
        stage.engine.script(Delta("Half", 1), GenerateFailed("The context is broken"))
        await ask(pilot, "/regen")
        assert screen.prompt.text == ""  # nothing of the comparison
        assert "The context is broken" in shown(pilot)


async def test_a_comparison_of_a_model_that_is_not_there_gives_its_line_back(
    stage: Stage, models: FakeShelf
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/compare fake nemo What is it?")
        await until(pilot, lambda: "no model named" in shown(pilot))
        await pilot.app.workers.wait_for_complete()
        assert screen.prompt.text == "/compare fake nemo What is it?"


async def test_what_nobody_thought_of_is_told_and_the_next_question_is_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = stage.engine.generate

    def broken(*_: object) -> object:
        raise ZeroDivisionError("division by zero")

    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        monkeypatch.setattr(stage.engine, "generate", broken)
        await say(pilot, "What is it?")
        await until(pilot, lambda: "ZeroDivisionError" in shown(pilot))
        await answered(pilot)
        assert not screen.engine_state.busy
        monkeypatch.setattr(stage.engine, "generate", really)
        stage.engine.script(*answer("A circle."))
        await say(pilot, "/regen")
        await until(pilot, lambda: "A circle." in shown(pilot))


async def test_a_draft_from_before_stands_before_what_was_typed_too_early(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await type_text(pilot, "from before")
        await pilot.press("ctrl+q")
    gate = threading.Event()
    app = stage.app()
    app.chat.conversation._open_session = lambda: (gate.wait(60), stage.session())[1]
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.screen.query("Hint"))
        await type_text(pilot, "early")
        gate.set()
        screen = await ready(pilot)
        assert screen.prompt.text == "from before\n\nearly"


async def test_what_was_written_before_editing_is_kept_when_one_leaves(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "What is it?")
        await type_text(pilot, "half a thought")
        await pilot.press("alt+up", "alt+up", "e")
        await until(pilot, lambda: screen.prompt.text == "What is it?")
        await pilot.press("ctrl+q")
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert screen.prompt.text.startswith("half a thought")


async def test_leaving_while_the_disk_refuses_an_answer_asks_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full", "Make room")

    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        monkeypatch.setattr(stage.store, "update_text", full)
        await ask(pilot, "What is it?")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: "Quit all the same?" in shown(pilot))
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(pilot.app.screen, YesOrNo))
        assert pilot.app.is_running
        monkeypatch.undo()
        await until(pilot, lambda: not stage.sessions[-1].unsaved())
        await pilot.press("ctrl+q")
        await until(pilot, lambda: pilot.app.return_code == 0)


async def test_leaving_a_chat_that_is_not_saved_asks_first_and_twice_means_it(
    stage: Stage,
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        stage.sessions[-1].warning = StorageError("This chat is not saved")
        await ask(pilot, "What is it?")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: "This chat is not saved. Quit all the same?" in shown(pilot))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: pilot.app.return_code == 0)
