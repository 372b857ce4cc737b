"""Chats saved and opened from the chat screen, whatever the disk does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.fakes import Gate, answer
from tests.ui.conftest import TIMEOUT, Stage, answered, ask, ready, say, screen_of, shown, until
from vlmtui.chat.session import ChatSession
from vlmtui.errors import StorageError
from vlmtui.ui.widgets.composer.hint import Hint


@pytest.mark.parametrize("size", [(60, 15), (160, 48)])
async def test_a_chat_is_saved_and_opened_again(stage: Stage, size: tuple[int, int]) -> None:
    stage.picture()
    stage.engine.script(*answer("A **red**", " circle."))
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/export")
        await until(pilot, lambda: "nothing in this chat yet" in shown(pilot))
        await ask(pilot, "What is it? @scene.png")
        await say(pilot, "/export")
        await until(pilot, lambda: "Saved as" in shown(pilot))
        assert "A **red** circle." in (stage.folder / "what-is-it-scene-png.md").read_text()
        await say(pilot, "/export json 'my chat.json'")
        await until(pilot, lambda: (stage.folder / "my chat.json").exists())
        await say(pilot, "/export html page.html")
        await until(pilot, lambda: (stage.folder / "page.html").exists())
        before = screen.chat
        await say(pilot, "/import 'my chat.json'")
        await until(pilot, lambda: screen.chat is not None and screen.chat != before)
        await until(pilot, lambda: "A red circle." in shown(pilot))
        await until(pilot, lambda: "Imported my chat.json" in shown(pilot))
    assert len(stage.store.listing.rows()) == 2


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/import ''", "/import needs a path"),
        ("/import ~nobody-of-this-name/a.json", "can't be read"),
        ("/export ~nobody-of-this-name/a.md", "There is no directory"),
        ("/export pdf", "There is no format pdf"),
    ],
)
async def test_a_place_that_can_not_be_is_told(stage: Stage, typed: str, told: str) -> None:
    async with stage.app().run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await ask(pilot, "Hello")
        await say(pilot, typed)
        await until(pilot, lambda: told in shown(pilot))
    assert [path.name for path in stage.folder.iterdir()] == ["data"]


async def test_what_is_there_is_replaced_only_by_force(stage: Stage) -> None:
    path = stage.folder / "a.md"
    path.write_text("precious")
    async with stage.app().run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await ask(pilot, "Hello")
        await say(pilot, "/export a.md")
        await until(pilot, lambda: "already exists" in shown(pilot))
        assert path.read_text() == "precious"
        await say(pilot, "/export a.md --force")
        await until(pilot, lambda: "Saved as" in shown(pilot))
        assert "Hello" in path.read_text()


async def test_an_answer_that_the_disk_refuses_can_be_saved_elsewhere(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()

    def full(*_: object) -> None:
        raise StorageError("The disk is full", "Make room")

    stage.engine.script(*answer("Kept"), gate, *answer(" in memory"))
    async with stage.app().run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await say(pilot, "Hello")
        await until(pilot, lambda: "Kept" in shown(pilot))
        with monkeypatch.context() as patch:
            patch.setattr(stage.store, "update_text", full)
            gate.open()
            await answered(pilot)
            await say(pilot, "/export a.md")
            await until(pilot, lambda: "Saved as" in shown(pilot))
            assert "Kept in memory" in Path("a.md").read_text()


@pytest.mark.parametrize("typed", ["/export", "/rename Fruit", "/undo", "/copy"])
async def test_a_command_before_the_chat_is_open_waits_and_holds_up_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    may_open = threading.Event()
    session = stage.session

    def late(**options: bool) -> ChatSession:
        assert may_open.wait(TIMEOUT)
        return session(**options)

    monkeypatch.setattr(stage, "session", late)
    async with stage.app().run_test(size=(120, 36)) as pilot:
        await say(pilot, typed)
        await say(pilot, "/help")
        await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
        await pilot.press("escape")
        may_open.set()
        await until(pilot, lambda: screen_of(pilot).prompt.query_one(Hint).has_class("error"))
