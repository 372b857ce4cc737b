"""What the commands of one running vlmtui work on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui.settings import Preset

if TYPE_CHECKING:  # the database: not needed for the first paint
    from vlmtui.chat.session import ChatSession
    from vlmtui.chat.shelf import Shelf


class CommandContext:
    """The conversation, and what else is at hand.

    Attributes:
        session: The conversation.
        models: The models of this machine, and those that could be had.
        presets: Ways to be answered, by name.
        samples: Pictures to offer for a first try.
    """

    def __init__(
        self,
        session: ChatSession,
        models: Shelf,
        presets: Mapping[str, Preset],
        samples: tuple[Path, ...] = (),
    ) -> None:
        self.session = session
        self.models = models
        self.presets = presets
        self.samples = samples
