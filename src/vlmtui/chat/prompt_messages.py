"""What of a conversation the model is told.

Chat templates expect the user and the assistant to take turns, which a real conversation doesn't
always do. The rules:

- The system prompt, where there is one, is the first message.
- An answer that was cancelled, failed or was interrupted is told as far as it came; an empty one
  is left out.
- A question whose empty answer failed is left out with it: what made it fail (a damaged picture,
  too many tokens, a picture that takes the engine down) would make every later question fail. It
  is asked again by regenerating its answer. A model that couldn't be loaded says nothing against
  the question, so that one stays.
- Questions that then follow one another were cancelled or interrupted before the first word. They
  become one: the pictures of all of them, then their texts; a repeated one counts once.

This module talks to neither the store nor the engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vlmtui.engine.base import Sampling
from vlmtui.messages import ImagePart, Message, Role, system, user
from vlmtui.storage.records import StoredMessage

_BLAMELESS = {"LoadFailed"}
"""Kinds of failures that come before the question is looked at."""


def prompt(thread: Sequence[StoredMessage], system_prompt: str = "") -> tuple[Message, ...]:
    """The messages to send, of a branch that ends with the question to answer."""
    told: list[Message] = [system(system_prompt)] if system_prompt.strip() else []
    told.extend(_turns(thread))
    return tuple(told)


def resumed(sampling: Sampling, stopped: StoredMessage) -> Sampling:
    """The sampling for the rest of an answer: one that was stopped keeps its greatest length."""
    said = (stopped.stats or {}).get("generated_tokens", 0)
    if stopped.status == "complete" or not 0 < said < sampling.max_tokens:
        return sampling
    return msgspec.structs.replace(sampling, max_tokens=sampling.max_tokens - said)


def _turns(thread: Sequence[StoredMessage]) -> list[Message]:
    turns: list[Message] = []
    waiting: list[Message] = []
    for stored in thread:
        if stored.message.role is Role.USER:
            waiting.append(stored.message)
        elif stored.message.text.strip():
            if waiting:
                turns.append(_joined(waiting))
                waiting = []
            turns.append(stored.message)
        elif waiting and stored.status == "failed" and stored.error_kind not in _BLAMELESS:
            waiting.pop()
    if waiting:
        turns.append(_joined(waiting))
    return turns


def _joined(questions: Sequence[Message]) -> Message:
    """Several questions as one; a single one as it is."""
    if len(questions) == 1:
        return questions[0]
    images: list[ImagePart] = []
    for question in questions:
        known = {image.sha256 for image in images}
        images += [image for image in question.images if image.sha256 not in known]
    texts = dict.fromkeys(question.text for question in questions if question.text.strip())
    return user("\n\n".join(texts), tuple(images))
