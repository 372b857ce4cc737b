"""Downloads on the chat screen: they go on while one chats, and are told on the status strip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vlmtui import printable
from vlmtui.commands.outcomes import Pull
from vlmtui.commands.specs import slashed
from vlmtui.ui.screens.chat.chat_facts import Leaving
from vlmtui.ui.screens.chat.topic import ChatContext, Topic

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.models.download.coordinator import Pulls
    from vlmtui.models.download.states import State

_NAME = 24


class PullMoved(msgspec.Struct, frozen=True):
    """A download has come further, or to its end."""

    state: State


class PullsTopic(Topic):
    """Models that are fetched."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._pulls: Pulls | None = None
        chat.commands.shows[Pull] = self._pull
        chat.handlers[PullMoved].append(lambda moved: self._moved(moved.state))
        chat.handlers[Leaving].append(lambda _: self._leave())

    @property
    def pulls(self) -> Pulls:
        if self._pulls is None:
            from vlmtui.models.download.coordinator import Pulls

            inbox = self.chat.stream.inbox
            self._pulls = Pulls(
                self.chat.available_models, lambda told: inbox.put(PullMoved(told.state))
            )
        return self._pulls

    def _leave(self) -> None:
        if self._pulls is not None:
            self._pulls.close()  # what came of them is kept

    def _pull(self, wanted: Pull) -> None:
        from vlmtui.net import addresses

        name = printable.line(addresses.shown(wanted.name), _NAME)
        if self.pulls.start(wanted.name):
            self.chat.prompt.say(f"Downloading {name}", "/models shows how far it is")
        else:
            self.chat.prompt.say(f"{name} is downloading already")

    def _moved(self, state: State) -> None:
        self.chat.screen.pulling = _line(self.pulls.running)
        asked = self._tell_list(state)
        name = printable.line(state.shown, _NAME)
        prompt = self.chat.prompt
        if state.error is not None:
            prompt.say(f"{name}: {state.error.message}", slashed(state.error.hint), error=True)
        elif state.cancelled:
            prompt.say(f"Stopped downloading {name}", "What was downloaded is kept")
        elif state.ended:
            switch = f"/model {printable.line(state.shown)} switches to it"
            prompt.say(f"{name} is installed", switch)
        elif state.question is not None and not asked:
            why = state.question.doubt or "several files may be meant"
            prompt.say(f"{name}: {why}", "/models asks what to do")

    def _tell_list(self, state: State) -> bool:
        """Show it on the screen of all models; whether that is open, and asks what there is to."""
        from vlmtui.ui.screens.models.models_screen import ModelsScreen

        stack = self.chat.screen.app.screen_stack
        listing = [screen for screen in stack if isinstance(screen, ModelsScreen)]
        for screen in listing:
            screen.pull_moved(state)
        return bool(listing)


def _line(running: list[State]) -> str:
    if not running:
        return ""
    first, *more = running
    name = printable.line(first.shown, _NAME)
    return f"↓ {name} {first.words}" + (f" (+{len(more)})" if more else "")
