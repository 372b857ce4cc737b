"""What the first screen offers whoever has been here before."""

from __future__ import annotations

import threading

import msgspec
import pytest

from tests.fakes import INFO, FakeEngine
from tests.ui.conftest import Stage, ask, ready, say, screen_of, shown, until
from tests.ui.test_search import seed
from vlmtui.chat.session import ChatSession


async def test_enter_opens_the_last_chat_where_nothing_is_written(stage: Stage) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    seed(stage, "pie", "What is in it?", "Sugar.")
    async with stage.app().run_test(size=(60, 15)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "opens “pie”" in shown(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Sugar." in shown(pilot))
        assert screen_of(pilot).chat is not None
        await pilot.press("enter")
        await until(pilot, lambda: "Type a question" in shown(pilot))
        await say(pilot, "/new")
        await until(pilot, lambda: "opens “pie”" in shown(pilot))
        await ask(pilot, "more")
        assert "opens “pie”" not in shown(pilot)
    assert len(stage.store.listing.rows()) == 3


async def test_without_chats_enter_asks_for_a_question(stage: Stage) -> None:
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "Type a question" in shown(pilot))
        assert "opens “" not in shown(pilot)


async def test_the_newest_picture_of_the_directory_is_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stage.picture("here/garden.png").parent)
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "@newest attaches garden.png" in shown(pilot))


async def test_keys_are_named_as_they_are(stage: Stage) -> None:
    async with stage.app(keys={"chat.pick": "alt+p", "chat.model": "f12"}).run_test() as pilot:
        await ready(pilot)
        assert "Alt+P" in shown(pilot) and "F12" in shown(pilot)
        assert "Ctrl+O" not in shown(pilot)


async def test_pictures_are_spoken_of_where_the_model_sees_them(stage: Stage) -> None:
    stage.picture("garden.png")
    stage.engine = FakeEngine(msgspec.structs.replace(INFO, can=frozenset()))
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "doesn't see pictures" in shown(pilot))
        await until(pilot, lambda: "Ask anything" in shown(pilot))
        assert "@path" not in shown(pilot) and "/sample" not in shown(pilot)


async def test_nobody_is_welcomed_before_the_last_chat_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(stage, "pie", "What is in it?", "Sugar.")
    begin, open_session = threading.Event(), stage.session

    def slowly(**options: bool) -> ChatSession:
        begin.wait(60)
        return open_session(**options)

    monkeypatch.setattr(stage, "session", slowly)
    async with stage.app(continue_last=True).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "Ask about a picture" in shown(pilot)
        assert "@path   attaches" not in shown(pilot) and "New chat" not in shown(pilot)
        begin.set()
        await until(pilot, lambda: "Sugar." in shown(pilot) and "pie" in shown(pilot))
