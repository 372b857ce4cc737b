"""Anything that a person can do, in any order, leaves no exception and loses nothing.

`VLMTUI_RANDOM=500` does that many sittings instead of the few of every run, and
`VLMTUI_RANDOM_FROM=1000` others than those.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import threading
from collections.abc import Sequence
from random import Random

import pytest
from textual.message import Message

from tests.fakes import TIMEOUT
from tests.ui.conftest import Stage, ready
from tests.ui.random_user import RandomUser, steps
from vlmtui.ui.widgets.composer.prompt_area import Prompt

SEED = int(os.environ.get("VLMTUI_RANDOM_FROM", "0"))
SITTINGS = int(os.environ.get("VLMTUI_RANDOM", "8"))
STEPS = 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + SITTINGS))
def test_anything_in_any_order_leaves_no_exception_and_loses_nothing(
    stage: Stage, seed: int
) -> None:
    threads = set(threading.enumerate())
    stage.picture()
    done: list[Sequence[object]] = []
    try:
        sent, given_out = asyncio.run(sit(stage, Random(seed), done))
        for session in stage.sessions:
            session.close()
        check(stage, sent, given_out)
    except BaseException:
        print(f"seed {seed}, step {len(done)} of {STEPS}; all of them:", *done, sep="\n  ")
        raise
    stage.store.close()
    for thread in set(threading.enumerate()) - threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive(), thread


async def sit(
    stage: Stage, random: Random, done: list[Sequence[object]]
) -> tuple[list[str], list[str]]:
    """Do all the steps, with as many starts of the application as that takes; notes them."""
    words = itertools.count()
    sent: list[str] = []
    given_out: list[str] = []
    left = steps(random, STEPS)
    more = True
    while more:
        more = False
        heard: list[str] = []

        def hear(message: Message, heard: list[str] = heard) -> None:
            if isinstance(message, Prompt.Submitted):
                heard.append(message.text)

        app = stage.app(continue_last=True)
        async with app.run_test(size=(100, 30), message_hook=hear) as pilot:
            await ready(pilot)
            user = RandomUser(stage, pilot, words, heard)
            for step in left:
                done.append(step)
                await user.do(step)
                if user.left:
                    more = True
                    break
            user.end()
        stage.engine.forget_scripts()
        sent += user.sent
        given_out += user.given
    return sent, given_out


def check(stage: Stage, sent: list[str], given_out: list[str]) -> None:
    """The database is whole, and everything is in it."""
    with sqlite3.connect(stage.database.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.execute("INSERT INTO messages_fts (messages_fts) VALUES ('integrity-check')")
        lost = """SELECT m.id FROM messages m LEFT JOIN messages p ON p.id = m.parent_id
            WHERE m.parent_id IS NOT NULL
            AND (p.id IS NULL OR p.chat_id != m.chat_id OR (m.deleted IS NULL AND p.deleted))"""
        assert database.execute(lost).fetchall() == []
        strange = """SELECT c.id FROM chats c LEFT JOIN messages m ON m.id = c.leaf_id
            WHERE c.leaf_id IS NOT NULL AND (m.id IS NULL OR m.chat_id != c.id OR m.deleted)"""
        assert database.execute(strange).fetchall() == []
        rows = database.execute("SELECT role, status, text FROM messages").fetchall()
    database.close()
    assert "streaming" not in {status for _, status, _ in rows}
    questions = "\n".join(text for role, _, text in rows if role == "user")
    replies = "\n".join(text for role, _, text in rows if role == "assistant")
    assert [word for word in sent if word not in questions] == []
    assert [word for word in given_out if word not in replies] == []
