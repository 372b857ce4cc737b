"""What the last topics that are mixins of the chat screen stand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.reactive import reactive

from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Outcome, Said
from vlmtui.messages import ImagePart
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.storage.records import Chat
from vlmtui.ui.screens.mended_screen import MendedScreen
from vlmtui.ui.widgets.composer.prompt_area import Prompt
from vlmtui.ui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.chat.session import ChatSession
    from vlmtui.hardware.base import Snapshot
    from vlmtui.ui.screens.chat.conversation_topic import ConversationTopic
    from vlmtui.ui.screens.chat.topic import ChatContext


class ChatTurns(MendedScreen[None]):
    """A screen with a transcript and a prompt."""

    # a screen that repaints itself repaints everything, pictures included
    engine_state: reactive[EngineState] = reactive(EngineState(), repaint=False)
    snapshot: reactive[Snapshot | None] = reactive["Snapshot | None"](None, repaint=False)
    chat: reactive[Chat | None] = reactive[Chat | None](None, repaint=False)
    """The chat that is open, once it is on disk."""

    image: reactive[ImagePart | None] = reactive[ImagePart | None](None, repaint=False)
    """What the side pane shows: attached last, or else shown last in the chat."""

    pulling: reactive[str] = reactive("", repaint=False)
    """What is being fetched, in a few words; empty where nothing is."""

    _topics: ChatContext
    _conversation: ConversationTopic

    def __init__(self, *, model: str, log: Path | None) -> None:
        super().__init__()
        self.log_path = log
        self.set_reactive(ChatTurns.engine_state, EngineState(phase=Phase.LOADING, model=model))

    @property
    def prompt(self) -> Prompt:
        """The lower part."""
        return self.query_one(Prompt)

    @property
    def transcript(self) -> Transcript:
        """The upper part."""
        return self.query_one(Transcript)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """Attached to the next message: what stands in the composer."""
        return self.prompt.images

    @property
    def in_turn(self) -> bool:
        """Whether a turn is going on."""
        return self._topics.busy

    @property
    def _session(self) -> ChatSession:
        return self._topics.session()

    def offer_undo(self, undo: Callable[[], object]) -> None:
        """Something was deleted; `undo` brings it back."""

        def later(_: CommandContext) -> Outcome:
            self.call_later(undo)
            return Said("Restored")

        self._topics.command_context().deleted.append(later)

    def undo_deletion(self) -> None:
        """Bring back what was deleted last, whatever it was."""
        if self._topics.must_wait():
            return
        self._topics.do("undo")

    def restore(self, *, new: bool = False) -> None:
        """Read what is on disk."""
        self._conversation.restore(new=new)
