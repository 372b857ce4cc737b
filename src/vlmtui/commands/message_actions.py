"""What can be done with a message: which actions there are, and which of them make sense for one.

Pure: what an action does is the screen's. An action is named by a word, shown with the key of the
binding `message.<name>`.
"""

from __future__ import annotations

import msgspec

from vlmtui.commands.code_blocks import has_code
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.messages import Role
from vlmtui.storage.records import StoredMessage


class Action(msgspec.Struct, frozen=True):
    """Something that can be done with a message."""

    name: str
    key: str
    """Its key unless the settings say otherwise, in Textual's spelling."""

    label: str
    summary: str
    """For the list of keys."""

    changes: bool = False
    """It asks the model or changes the chat: not while an answer is on its way."""


ACTIONS = (
    Action("copy", "y", "copy", "Copy the message"),
    Action("copy_code", "c", "code", "Copy a block of code"),
    Action("thought", "t", "thought", "Show or fold what was thought before the answer"),
    Action("edit", "e", "edit", "Edit the question and ask again", changes=True),
    Action("continue", "n", "continue", "Continue an answer that was cut off", changes=True),
    Action("regenerate", "r", "again", "Answer again", changes=True),
    Action("retry_with", "R", "model", "Answer again with another model", changes=True),
    Action("previous", "left", "", "Previous version", changes=True),
    Action("next", "right", "", "Next version", changes=True),
    Action("delete", "d", "delete", "Delete it and everything after it", changes=True),
    Action("details", "i", "details", "Show the details"),
)
BY_NAME = {action.name: action for action in ACTIONS}

_CUT_OFF = ("cancelled", "interrupted", "failed")


def applying(stored: StoredMessage, model: ModelInfo | None, *, last: bool) -> list[Action]:
    """The actions that make sense for a message.

    Without a model, who answers isn't known yet; `last` is the last message of the conversation.
    """
    answer = stored.message.role is Role.ASSISTANT
    text = stored.message.text
    continues = model is None or model.continues or not text.strip()  # that begins anew
    apply = {
        "copy": bool(text.strip()),
        "copy_code": has_code(text),
        "thought": bool(stored.message.thought.strip()),
        "edit": not answer,
        "continue": answer and last and is_cut_off(stored) and continues,
        "regenerate": answer or last,
        "retry_with": answer or last,
        "previous": stored.sibling > 1,
        "next": stored.sibling < stored.siblings,
        "delete": True,
        "details": True,
    }
    if stored.status == "streaming":
        return [BY_NAME["copy"], BY_NAME["details"]] if text else [BY_NAME["details"]]
    return [action for action in ACTIONS if apply[action.name]]


def is_cut_off(stored: StoredMessage) -> bool:
    """Whether an answer ended before the model was done."""
    reason = (stored.stats or {}).get("finish_reason")
    return stored.status in _CUT_OFF or reason in ("length", "context")
