"""The transcript under the reader's hands: a cursor on its messages, and what is done with them.

Two ways lead to the cursor. With the keyboard the reader goes from message to message, and letters
are actions until Esc; a click shows the actions of a message too, but then letters still go to the
composer, since a click may only have meant the window.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui.commands import message_actions
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.keys import key_hints
from vlmtui.ui.widgets.transcript.column_entry import Entry
from vlmtui.ui.widgets.transcript.conversation_column import Conversation
from vlmtui.ui.widgets.transcript.entries import MessageEntry
from vlmtui.ui.widgets.transcript.offered_actions import OfferedActions

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.commands.code_blocks import CodeBlock
    from vlmtui.ui.widgets.transcript.action_line import ActionLine
    from vlmtui.ui.widgets.transcript.answer_block import Answer


def _bindings() -> list[BindingType]:
    moves = (
        ("up,k", "move(-1)", "Message above", "up"),
        ("down,j", "move(1)", "Message below", "down"),
        ("home,g", "move_to(0)", "First message", "first"),
        ("end,G", "move_to(-1)", "Last message", "last"),
        ("escape", "leave", "Back to the composer", "leave"),
    )
    return [
        *(Binding(key, act, text, id=f"transcript.{name}") for key, act, text, name in moves),
        # before "continue", which has this key while nothing is searched
        Binding("n", "screen.topic('match', 1)", "Next match", id="transcript.next_match"),
        Binding("N", "screen.topic('match', -1)", "Previous match", id="transcript.previous_match"),
        *(
            Binding(
                action.key, f"act('{action.name}')", action.summary, id=f"message.{action.name}"
            )
            for action in message_actions.ACTIONS
        ),
        Binding("u", "undo", "Restore what was deleted", id="message.undo"),
        Binding("question_mark", "app.help", "Help", id="transcript.help"),
        Binding("slash", "screen.topic('find')", "Search this chat", id="transcript.find"),
    ]


class Transcript(Conversation, inherit_bindings=False):
    """A conversation whose messages can be acted on.

    Attributes:
        match: Which match of a search in this chat is shown, "2 of 5"; empty without one.
    """

    BINDINGS: ClassVar[list[BindingType]] = _bindings()

    class Typed(Message):
        """A character was typed that is no action."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    class ActionWanted(Message):
        """The reader wants something done with a message."""

        def __init__(self, message_id: int, action: str) -> None:
            super().__init__()
            self.message_id = message_id
            self.action = action

    class Offered(Message):
        """Actions are offered where they aren't seen: beneath a message higher than the view."""

        def __init__(self, hints: key_hints.Hints) -> None:
            super().__init__()
            self.hints = hints

    class CodeWanted(Message):
        """The reader wants a block of code on the clipboard."""

        def __init__(self, block: CodeBlock) -> None:
            super().__init__()
            self.block = block

    def __init__(self) -> None:
        super().__init__()
        self._cursor: MessageEntry | None = None
        self.browsing = False
        """Letters are actions: the keyboard led here."""

        self._actions = OfferedActions(self)
        self.match = ""

    @property
    def cursor(self) -> int | None:
        return self._cursor.stored.id if self._cursor is not None else None

    # ------------------------------------------------------------------ moving

    async def put(self, entries: Iterable[Entry]) -> None:
        """Show other entries; the cursor stays on its message if that is still there."""
        await super().put(entries)
        if self._cursor is not None and self._cursor not in self.entries:
            await self.select(self.entry(self._cursor.stored.id), keyboard=self.browsing)

    async def begin_answer(self, stored: StoredMessage) -> Answer:
        """Add an answer that will grow; the cursor goes to it from the one it is to replace."""
        browsing = self.browsing
        answer = await super().begin_answer(stored)
        if browsing:
            await self.put_cursor(stored.id)
        return answer

    async def end_answer(self, stored: StoredMessage) -> None:
        """Show an answer in its final form; other things can be done with it then."""
        await super().end_answer(stored)
        if self._cursor is not None:
            self._cursor.pinned = True
            await self._actions.show(self._cursor)

    async def put_cursor(self, message_id: int) -> None:
        """Put the cursor on a message, for the keyboard."""
        await self.select(self.entry(message_id), keyboard=True)

    async def browse(self, step: int = -1) -> None:
        """Take the focus, and put the cursor on a message; the last one in view at first."""
        self.focus(scroll_visible=False)
        if self._cursor is None:
            seen = [entry for entry in self.in_view() if isinstance(entry, MessageEntry)]
            await self.select(seen[-1] if seen else None, keyboard=True)
        else:
            await self.action_move(step)

    async def select(self, entry: MessageEntry | None, *, keyboard: bool) -> None:
        """Put the cursor on a message, or take it away."""
        before, self._cursor = self._cursor, entry
        self.browsing = keyboard and entry is not None
        if entry is None:
            self.match = ""
            self.post_message(self.Offered(()))
        self._actions.stop_picking()
        if before is not None and before is not entry:
            before.pinned = before is self._live
            if before.block is not None:
                await before.block.offer(())
        if entry is not None:
            entry.pinned = True
            await self.ensure(entry)
            await self._actions.show(self._cursor)
            if keyboard and self._sought is None:  # that shows itself
                self.call_after_refresh(self._reveal, entry)
        self.refresh_bindings()

    async def action_move(self, step: int) -> None:
        """Go to the next message; through one that is higher than the view first."""
        messages = self.messages()
        if not messages:
            return
        if self._cursor is None:
            await self.browse()
            return
        if self._scroll_inside(self._cursor, step):
            return
        index = messages.index(self._cursor) + step
        await self.select(messages[max(0, min(index, len(messages) - 1))], keyboard=True)

    async def action_move_to(self, index: int) -> None:
        if messages := self.messages():
            await self.select(messages[index], keyboard=True)

    async def action_leave(self) -> None:
        """Go back to the composer; out of a list of blocks, or of matches, first."""
        if self._actions.stop_picking() or self.match:
            self.match = ""
            for entry in self.messages():
                entry.mark(())
            await self._actions.show(self._cursor)
            self.refresh_bindings()
            return
        await self.select(None, keyboard=True)
        await self.run_action("screen.topic('panes.leave')")

    def _scroll_inside(self, entry: MessageEntry, step: int) -> bool:
        top, page = self.top_of(entry), self.container_size.height
        above = top < self.scroll_offset.y
        below = top + entry.height - 1 > self.scroll_offset.y + page
        if not (above if step < 0 else below):
            return False
        self.scroll_to(y=self.scroll_offset.y + step * max(page // 2, 1), animate=False)
        return True

    def _reveal(self, entry: MessageEntry) -> None:
        """Scroll as little as it takes to see the message and its actions."""
        if entry not in self.entries:
            return
        top, page = self.top_of(entry), self.container_size.height
        bottom = top + entry.height - 1
        y = self.scroll_offset.y
        if bottom > y + page:
            y = bottom - page
        y = min(y, top)
        if y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False)

    # ------------------------------------------------------------------ what can be done

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters are actions only while the keyboard is used to go through the messages."""
        if action in ("act", "undo"):
            return self.browsing and not self._actions.picking
        return True

    async def action_act(self, name: str) -> None:
        """Have something done with the message under the cursor."""
        if self._cursor is not None:
            await self._actions.act(self._cursor, name)

    async def action_undo(self) -> None:
        await self.run_action("screen.topic('undo')")

    async def on_action_line_chosen(self, event: ActionLine.Chosen) -> None:
        event.stop()
        await self.action_act(event.name)

    # ------------------------------------------------------------------ keys and mouse

    async def on_key(self, event: events.Key) -> None:
        """A digit picks a block; whoever types anything else means the composer."""
        if self._actions.picking:
            event.stop()
            number = int(event.key) if event.key.isdecimal() else 0
            await self._actions.pick(self._cursor, number)
        elif event.is_printable and event.character and not self.browsing:
            event.stop()
            self.post_message(self.Typed(event.character))

    async def on_click(self, event: events.Click) -> None:
        """Show what can be done with the message that was clicked."""
        if self.screen.get_selected_text():
            return  # text was selected, not a message
        under = event.widget.ancestors_with_self if event.widget is not None else ()
        entry = next((entry for entry in self.messages() if entry.widget in under), None)
        await self.select(None if entry is self._cursor else entry, keyboard=False)

    async def on_blur(self) -> None:
        """Whoever goes elsewhere has no cursor here; a screen that opens above is no elsewhere."""
        if self.screen.is_current and not self.has_focus_within:
            await self.select(None, keyboard=False)
