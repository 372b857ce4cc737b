"""What of a conversation the model is told.

Chat templates expect the user and the assistant to take turns, which a real conversation doesn't
always do. The rules:

- The system prompt, where there is one, is the first message.
- An answer that was cancelled, failed or was interrupted is told as far as it came; an empty one
  is left out.
- A question whose empty answer failed is left out with it: what made it fail (a damaged picture,
  too many tokens, a picture that takes the engine down) would make every later question fail. It
  is asked again by regenerating its answer. A model that couldn't be loaded says nothing against
  the question, so that one stays; and so it does for another model, unless its picture is at fault.
- Questions that then follow one another were cancelled or interrupted before the first word. They
  become one: the pictures of all of them, then their texts; a repeated one counts once.

This module talks to neither the store nor the engine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from vlmtui.engine.engine_requests import Sampling
from vlmtui.errors import ImageError
from vlmtui.messages import ImagePart, Message, Part, Role, TextPart, system, user
from vlmtui.storage.records import StoredMessage

_BLAMELESS = {"LoadFailed", "ImageNotFound"}
"""Kinds of failures that say nothing against the question: it wasn't looked at, or what was missing
then is left out now."""

_OF_PICTURES = {kind.__name__ for kind in ImageError.__subclasses__()} - _BLAMELESS
"""Kinds of failures that every model would share."""


def prompt(
    thread: Sequence[StoredMessage],
    system_prompt: str = "",
    model: str | None = None,
    begun: Message | None = None,
) -> tuple[Message, ...]:
    """The messages to send, of a branch that ends with the question to answer.

    Args:
        thread: The branch.
        system_prompt: Empty for none.
        model: Who is to answer; None for whoever failed before.
        begun: A question behind the branch, which is still being written.
    """
    told: list[Message] = [system(system_prompt)] if system_prompt.strip() else []
    told.extend(_turns(thread, model, begun))
    return tuple(told)


def present(messages: Sequence[Message]) -> tuple[tuple[Message, ...], tuple[ImagePart, ...]]:
    """The messages with the pictures that are still there, and those that are not.

    In the place of a missing picture the model is told its name.
    """
    images = {image for message in messages for image in message.images}
    missing = {image for image in images if not os.path.isfile(image.path)}
    if not missing:
        return tuple(messages), ()

    def part(each: Part) -> Part:
        return TextPart(f"[The picture {each.name} is missing]") if each in missing else each

    told = tuple(Message(m.role, tuple(part(each) for each in m.parts)) for m in messages)
    return told, tuple(sorted(missing, key=lambda image: image.name))


def resumed(sampling: Sampling, stopped: StoredMessage) -> Sampling:
    """The sampling for the rest of an answer: one that was stopped keeps its greatest length."""
    said = (stopped.stats or {}).get("generated_tokens", 0)
    if stopped.status == "complete" or not 0 < said < sampling.max_tokens:
        return sampling
    return msgspec.structs.replace(sampling, max_tokens=sampling.max_tokens - said)


def _turns(
    thread: Sequence[StoredMessage], model: str | None, begun: Message | None
) -> list[Message]:
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
        elif waiting and stored.status == "failed" and _would_fail_again(stored, model):
            waiting.pop()
    if begun is not None:
        waiting.append(begun)
    if waiting:
        turns.append(_joined(waiting))
    return turns


def _would_fail_again(answer: StoredMessage, model: str | None) -> bool:
    if answer.error_kind in _BLAMELESS:
        return False
    return answer.error_kind in _OF_PICTURES or model in (None, answer.model)


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
