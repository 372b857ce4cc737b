"""Putting the plain chat together from the settings, and running it."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from vlmtui.chat.requests import load_request
from vlmtui.chat.session import ChatSession
from vlmtui.errors import VlmtuiError
from vlmtui.plain.chat import PlainChat
from vlmtui.plain.commands import PlainCommands
from vlmtui.plain.voice import Voice
from vlmtui.settings import Settings
from vlmtui.ui.backstage import Backstage


def launch(
    settings: Settings,
    *,
    model: str | None = None,
    mmproj: str | None = None,
    continue_last: bool = False,
) -> int:
    """Talk line by line until the input ends or the user leaves.

    Args:
        settings: The user's settings.
        model: Name or path of a model, instead of the one in the settings.
        mmproj: Path of its projector.
        continue_last: Go on with the last chat.

    Returns:
        The exit code of the process: 1 when something failed that a script asked for.

    Raises:
        InputError: There is no such model.
        StorageError: There is no place for chats, not even for one that isn't saved.
    """
    voice = Voice()
    backstage = Backstage(settings, load_request(settings, model, mmproj), continue_last)
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        session = backstage.open()
        chat = PlainChat(session, voice)
        threading.Thread(target=_load_ahead, args=(session,), daemon=True).start()
        return chat.run(
            PlainCommands(
                session,
                voice,
                samples=backstage.samples,
                presets=settings.presets,
                load_named=lambda name: load_request(settings, name, None),
                follow=chat.follow,
            )
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        backstage.close()


def _load_ahead(session: ChatSession) -> None:
    """Load while the user types; a failure is told by the first turn, which tries again."""
    try:
        for _ in session.load():
            pass
    except VlmtuiError:
        return


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
