"""Chats on the chat screen: the list of them, opened, put in order, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import ChatChanged, Outcome
from vlmtui.errors import VlmtuiError
from vlmtui.storage.records import Chat
from vlmtui.ui.screens.chat.chat_facts import ChatsChanged, TurnEnded
from vlmtui.ui.screens.chat.topic import ChatContext, Topic

if TYPE_CHECKING:
    from vlmtui.ui.widgets.panes.chat_rows import ChatRows  # not needed for the first paint
    from vlmtui.ui.widgets.panes.chats_pane import ChatsPane


class ChatsTopic(Topic):
    """What can be done with any chat of the list."""

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._open: int | None = None
        chat.commands.shows[ChatChanged] = self._show_changed
        chat.handlers["on_chats_pane_page_wanted"].append(
            lambda event: chat.start(self._read(event), "chats")
        )
        chat.handlers["on_chat_rows_action_wanted"].append(self._act)
        chat.handlers["on_chats_pane_renamed"].append(self._rename)
        chat.watch("chat", self._mark)
        chat.handlers[TurnEnded].append(lambda _: self._reload())  # it stands above the others now
        chat.handlers[ChatsChanged].append(lambda _: self._reload())

    # ------------------------------------------------------------------ the list

    def _panes(self) -> Iterable[ChatsPane]:
        """The list, once it is mounted."""
        return cast("Iterable[ChatsPane]", self.chat.screen.query("ChatsPane"))

    def _reload(self) -> None:
        for pane in self._panes():
            pane.reload()

    def _mark(self) -> None:
        chat, before = self.chat.screen.chat, self._open
        self._open = chat.id if chat is not None else None
        for pane in self._panes():
            pane.current = self._open
        if before != self._open:
            self._reload()

    async def _read(self, wanted: ChatsPane.PageWanted) -> None:
        rows = await self.chat.on_session(
            lambda session: session.archive.listing.rows(
                wanted.limit, wanted.offset, wanted.title_like
            )
        )
        for pane in self._panes():
            pane.show(wanted, rows)

    # ------------------------------------------------------------------ doing

    def _act(self, event: ChatRows.ActionWanted) -> None:
        if event.action in ("undo", "new"):
            if self.chat.must_wait():
                return
            self.chat.commands.do(event.action)
            if event.action == "new":
                self.chat.prompt.focus_composer()
        elif event.row is not None:
            self._do_with(event.row.chat, event.action)

    def _do_with(self, chat: Chat, action: str) -> None:
        from vlmtui.commands import chat_commands

        verbs = {
            "pin": chat_commands.pin_chat,
            "delete": chat_commands.delete_chat,
            "duplicate": chat_commands.duplicate_chat,
        }
        if action == "open":
            self._go_to(chat)
        elif action == "export":
            self._change(lambda context: chat_commands.export_chat(context, "markdown", chat))
        else:
            self._change(lambda context: verbs[action](context, chat))

    def _go_to(self, chat: Chat) -> None:
        """Open a chat and go there; an answer on its way is never cut off by it."""
        from vlmtui.commands import chat_commands

        if chat.id != self._open:
            if self.chat.must_wait("Esc stops it, or let it finish"):
                return
            self._change(lambda context: chat_commands.open_chat(context, chat))
        self.chat.prompt.focus_composer()

    def _rename(self, event: ChatsPane.Renamed) -> None:
        from vlmtui.commands import chat_commands

        self._change(
            lambda context: chat_commands.rename_chat(context, event.row.chat, event.title)
        )

    def _change(self, verb: Callable[[CommandContext], Outcome]) -> None:
        self.chat.start(self._changed(verb), "chat", exclusive=False)

    async def _changed(self, verb: Callable[[CommandContext], Outcome]) -> None:
        try:
            await self.chat.commands.change(verb)
        except VlmtuiError:
            self._reload()  # the list shows something that isn't so
            raise

    def _show_changed(self, changed: ChatChanged) -> None:
        self.chat.prompt.say(changed.said.message, changed.said.advice)
        if changed.chat.id == self._open:
            self.chat.screen.chat = changed.chat  # its title
        self._reload()
