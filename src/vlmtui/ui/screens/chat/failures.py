"""What went wrong with the model or the chat, told in the transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui.commands.specs import slashed
from vlmtui.errors import (
    EmptyPrompt,
    EngineCrashed,
    MessageNotFound,
    NothingToContinue,
    TurnRunning,
    VlmtuiError,
)
from vlmtui.stats.engine_progress import unloaded

if TYPE_CHECKING:
    from vlmtui.ui.screens.chat.topic import ChatContext

_NOTHING_DONE = (EmptyPrompt, MessageNotFound, NothingToContinue, TurnRunning)
"""What is wrong with a command, and no part of the chat that it was given in."""

_DOING = {
    "load": "loading the model",
    "encode": "encoding a picture",
    "prefill": "reading the prompt",
    "decode": "answering",
}


async def tell(chat: ChatContext, error: VlmtuiError) -> None:
    """Tell it where it belongs."""
    if chat.left:
        return
    if isinstance(error, _NOTHING_DONE):
        chat.complain(error)
        return
    if isinstance(error, EngineCrashed):
        chat.screen.engine_state = unloaded(chat.screen.engine_state)
    details = circumstances(chat, error)
    await chat.transcript.tell(error.message, slashed(error.hint), details, error=True)


def circumstances(chat: ChatContext, error: BaseException | None) -> str:
    """What the engine's process was doing when it died, and where its log is."""
    if not isinstance(error, EngineCrashed):
        return ""
    log = chat.screen.log_path
    lines = [f"It was {_DOING.get(error.phase, error.phase)}"] if error.phase else []
    if log is not None and str(log) not in error.hint:
        lines.append(f"Its log: {log}")
    return "\n".join(lines)
