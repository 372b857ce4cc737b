"""Downloads on the chat screen: they go on while one chats, and are told on the status strip."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message
from textual.reactive import reactive

from vlmtui import printable
from vlmtui.ui.screens.chat.chat_turns import ChatTurns

if TYPE_CHECKING:  # not needed for the first paint
    from textual.worker import Worker

    from vlmtui.chat.shelf import Shelf
    from vlmtui.models.download.coordinator import Pulls
    from vlmtui.models.download.states import State

    OpenShelf = Callable[[], Shelf]

_NAME = 24


class ChatPulls(ChatTurns):
    """A screen behind which models are fetched. `open_shelf` must be set."""

    open_shelf: OpenShelf
    """Makes what knows the models; called in a thread."""

    pulling: reactive[str] = reactive("", repaint=False)
    """What is being fetched, in a few words; empty where nothing is."""

    _pulls: Pulls | None = None

    class PullMoved(Message):
        """A download has come further, or to its end."""

        def __init__(self, state: State) -> None:
            super().__init__()
            self.state = state

    @property
    def pulls(self) -> Pulls:
        """The downloads."""
        if self._pulls is None:
            from vlmtui.models.download.coordinator import Pulls

            self._pulls = Pulls(
                lambda: self.open_shelf(),
                lambda told: self.post_message(self.PullMoved(told.state)),
            )
        return self._pulls

    @on(PullMoved)
    def _pull_moved(self, event: PullMoved) -> None:
        event.stop()
        state = event.state
        running = self.pulls.running
        self.pulling = _line(running)
        asked = self.show_pulls(state)
        name = printable.line(state.shown, _NAME)
        if state.error is not None:
            self.prompt.say(f"{name}: {state.error.message}", state.error.hint, error=True)
        elif state.cancelled:
            self.prompt.say(f"{name} is not fetched further", "What came is kept")
        elif state.ended:
            self.prompt.say(
                f"{name} is here", f"/model {printable.line(state.shown)} has it answer"
            )
        elif state.question is not None and not asked:
            why = state.question.doubt or "several files may be meant"
            self.prompt.say(f"{name}: {why}", "/models asks what to do")

    def show_pulls(self, state: State) -> bool:
        """A download has moved; `ChatModels` knows the screen that lists them.

        Returns:
            Whether that is open, and asks what there is to ask.
        """
        return False

    def leave(self) -> Worker[None]:
        """Stop downloads, too; what came of them is kept."""
        if self._pulls is not None:
            self._pulls.close()
        return super().leave()


def _line(running: list[State]) -> str:
    if not running:
        return ""
    first, *more = running
    name = printable.line(first.shown, _NAME)
    return f"↓ {name} {first.words}" + (f" (+{len(more)})" if more else "")
