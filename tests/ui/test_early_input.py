"""What is typed before there is anything to type into."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.widgets import TextArea

from tests.fakes import Delta
from tests.ui.conftest import Stage, answered, ready, screen_of, shown, type_text, until
from vlmtui.chat.questions import Questions
from vlmtui.chat.session import ChatSession
from vlmtui.terminal.early_input import EarlyInput
from vlmtui.ui.screens.chat import conversation_topic


class Host(EarlyInput):
    """Is typed into while it starts; then its text area gets the focus."""

    AUTO_FOCUS = None

    def compose(self) -> ComposeResult:
        yield TextArea()

    def on_mount(self) -> None:
        self.post_message(events.Key("a", "a"))
        self.post_message(events.Paste(" pasted "))
        self.post_message(events.Key("b", "b"))
        self.call_later(self.query_one(TextArea).focus)
        self.post_message(events.Key("c", "c"))


async def test_what_was_typed_too_early_is_typed_in_its_order_when_that_is_possible() -> None:
    async with Host().run_test() as pilot:
        area = pilot.app.query_one(TextArea)
        await until(pilot, lambda: "c" in area.text)
        assert area.text == "a pasted bc"
        await pilot.press("d")
        assert area.text == "a pasted bcd"


async def test_what_was_sent_before_the_chat_was_open_does_not_come_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_open, kept = threading.Event(), threading.Event()
    session, save, read = stage.session, Questions.save_draft, Questions.draft

    def opens(**options: Any) -> ChatSession:
        assert may_open.wait(30)
        return session(**options)

    def keeps(self: Questions, *draft: Any) -> None:
        save(self, *draft)
        kept.set()

    def reads(self: Questions) -> Any:
        kept.wait(1)  # as long as a draft of this run could come before
        return read(self)

    monkeypatch.setattr(stage, "session", opens)
    monkeypatch.setattr(Questions, "save_draft", keeps)
    monkeypatch.setattr(Questions, "draft", reads)
    monkeypatch.setattr(conversation_topic, "_DRAFT_SECONDS", 0.01)
    stage.engine.script(Delta("Yes", 1))
    async with stage.app().run_test(size=(110, 34)) as pilot:
        await type_text(pilot, "Hi")
        await until(pilot, lambda: any(w.group == "draft" for w in pilot.app.workers))
        await pilot.press("enter")
        may_open.set()
        await ready(pilot)
        await answered(pilot)
        assert "Yes" in shown(pilot)
        assert screen_of(pilot).prompt.text == ""
