"""The topics of the chat screen: each stands alone, together they know every command and key."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from textual import actions

from vlmtui.commands import specs
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.chat.chat_screen import TOPICS
from vlmtui.ui.screens.chat.topic import ChatContext, Topic

APPLICATION = {"help", "keys", "quit"}
"""What the screen itself hands to the application."""


def context() -> ChatContext:
    screen: Any = SimpleNamespace(memory=Memory(), samples=(), presets={}, post_message=print)
    return ChatContext(screen)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.__name__)
def test_a_topic_can_be_made_alone_and_knows_its_own_keys(topic: type[Topic]) -> None:
    chat = context()
    topic(chat)
    for binding in topic.BINDINGS:
        _, name, (action, *_) = actions.parse(binding.action)
        assert name == "topic"
        assert action in chat.actions


def test_every_command_has_a_verb_or_a_form() -> None:
    chat = context()
    for topic in TOPICS:
        topic(chat)
    for spec in specs.of("screen"):
        assert (
            spec.topic
            or spec.name in chat.commands.forms | chat.commands.dialogs
            or spec.name in APPLICATION
        ), spec.name
