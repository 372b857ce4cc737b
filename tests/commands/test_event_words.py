"""What is said behind an answer."""

from __future__ import annotations

import pytest

from vlmtui.commands.event_words import note_after
from vlmtui.messages import Message, assistant
from vlmtui.storage.records import StoredMessage

SENTENCE = "I am the small demo model and only know simple drawn shapes; for a real model, start"


def answer(message: Message, model: str) -> StoredMessage:
    return StoredMessage(2, 1, message, "complete", 0.0, model)


@pytest.mark.parametrize(
    ("message", "model", "said"),
    [
        (assistant(SENTENCE), "demo", "A larger model can answer this"),
        (assistant("The circle is red."), "demo", None),
        (assistant(SENTENCE), "parrot", None),
        (assistant("", "Hm."), "thinker", "The model thought and gave no answer"),
    ],
)
def test_an_answer_that_does_not_speak_for_itself(
    message: Message, model: str, said: str | None
) -> None:
    found = note_after(answer(message, model))
    assert (found and found.message) == said
