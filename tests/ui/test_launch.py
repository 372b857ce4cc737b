"""The application on what is really there: trouble with the disk costs the chats, not the chat."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.ui.conftest import ask, ready, say, screen_of, shown, until
from vlmtui.chat.chat_runtime import ChatRuntime
from vlmtui.chat.requests import load_request
from vlmtui.settings import Settings
from vlmtui.storage.database import Database
from vlmtui.ui.launch import make_app


def damaged(path: Path) -> str:
    path.write_bytes(b"no database at all\n" * 1000)
    return "is not a database"


def newer(path: Path) -> str:
    Database(path).close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 99")
    return "newer vlmtui"


def foreign(path: Path) -> str:
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE TABLE music (title TEXT)")
    return "another program"


@pytest.mark.parametrize("break_it", [damaged, newer, foreign])
async def test_chats_that_cannot_be_opened_leave_one_that_is_not_saved(
    home: Path, break_it: object
) -> None:
    path = home / "data" / "chats.db"
    path.parent.mkdir(parents=True)
    reason = break_it(path)
    before = path.read_bytes()
    runtime = ChatRuntime(Settings(), load_request(Settings()), continue_last=True)
    try:
        async with make_app(runtime, Settings()).run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: "This chat is not saved." in shown(pilot))
            text = " ".join(shown(pilot).split())
            assert reason in text
            assert "/export" in text
            await ready(pilot)
            await ask(pilot, "Hello")
            assert "tok/s" in shown(pilot)
            assert "not saved" in shown(pilot)  # it stays in sight
            await say(pilot, "/new")
            await until(pilot, lambda: not screen_of(pilot).transcript.messages())
            assert "not saved" not in shown(pilot)  # told once
    finally:
        runtime.close()
    assert path.read_bytes() == before


async def test_a_home_in_which_nothing_can_be_made_leaves_a_chat_too(home: Path) -> None:
    home.write_text("a file where the directory should be")
    runtime = ChatRuntime(Settings(), load_request(Settings()), continue_last=False)
    try:
        async with make_app(runtime, Settings()).run_test(size=(80, 24)) as pilot:
            await ready(pilot)
            assert "not saved. The data directory" in " ".join(shown(pilot).split())
            await ask(pilot, "Hello")
            assert "Hello" in shown(pilot)
    finally:
        runtime.close()
