"""What the commands of one running vlmtui work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui.commands.outcomes import Then
from vlmtui.compose.mentions import Token
from vlmtui.settings import Preset
from vlmtui.storage.records import Draft

if TYPE_CHECKING:  # the database: not needed for the first paint
    from vlmtui.chat.available_models import AvailableModels
    from vlmtui.chat.session import ChatSession
    from vlmtui.compose.picture_folders import Listing
    from vlmtui.stats.timeline import Moment


class CommandContext:
    """The conversation, and what else is at hand.

    Attributes:
        samples: Pictures to offer for a first try.
        draft: What stands in the composer as a command is given, without the command.
        tokens: Tells where pictures and long texts stand already in a text that was typed.
        moment: The machine as it was measured last; may wait for that.
        deleted: What brings back the messages and chats that were deleted, the last one last.
        folder: The directory of pictures that was listed last.
    """

    def __init__(
        self,
        session: ChatSession,
        models: AvailableModels,
        presets: Mapping[str, Preset],
        samples: tuple[Path, ...] = (),
    ) -> None:
        self.session = session
        self.models = models
        self.presets = presets
        self.samples = samples
        self.draft = Draft()
        self.tokens: Callable[[str], Sequence[Token]] = lambda _: ()
        self.moment: Callable[[], Moment | None] = lambda: None
        self.deleted: list[Then] = []
        self.folder: Listing | None = None
