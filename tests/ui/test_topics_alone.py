"""A topic of the chat screen is built with a context, and needs no other topic."""

from __future__ import annotations

from typing import Any, cast

import pytest

from vlmtui.models.download.states import State
from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.chat import chat_screen
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.screens.chat.pulls_topic import PullMoved, PullsTopic
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.screens.chat.turn import Turn


class Prompt:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, message: str = "", advice: str = "", **_: Any) -> None:
        self.said.append((message, advice))


class App:
    screen_stack = ()


class Screen:
    """As much of the chat screen as these topics ask for."""

    def __init__(self) -> None:
        self.prompt = Prompt()
        self.app = App()
        self.pulling = ""
        self.memory = Memory()
        self.engine_state = EngineState()


def context() -> tuple[ChatContext, Screen]:
    screen = Screen()
    return ChatContext(cast(ChatScreen, screen)), screen


@pytest.mark.parametrize("topic", chat_screen.TOPICS)
def test_each_topic_is_built_without_the_others(topic: type[Topic]) -> None:
    chat, _ = context()
    assert topic(chat).chat is chat


@pytest.mark.parametrize("topic", chat_screen.TOPICS)
def test_each_key_of_a_topic_does_what_the_topic_has_registered(topic: type[Topic]) -> None:
    chat, _ = context()
    topic(chat)
    for binding in topic.BINDINGS:
        assert any(f"'{action}'" in binding.action for action in chat.actions), binding.action


async def test_a_download_that_has_ended_is_told_with_what_to_do_next() -> None:
    chat, screen = context()
    PullsTopic(chat)
    await chat.emit(PullMoved(State("gemma-3-4b", "here", ended=True)))
    assert screen.prompt.said == [("gemma-3-4b is installed", "/model gemma-3-4b switches to it")]
    assert screen.pulling == ""


def test_a_turn_that_goes_on_is_told_to_who_would_change_the_chat() -> None:
    chat, screen = context()
    assert not chat.must_wait()
    chat.turn = Turn(chat)
    assert chat.must_wait()
    assert screen.prompt.said == [("An answer is on its way", "Esc stops it")]
