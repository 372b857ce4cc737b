"""The transcript under the reader's hands: a cursor on its messages, and what is done with them.

Two ways lead to the cursor. With the keyboard the reader goes from message to message, and letters
are actions until Esc; a click shows the actions of a message too, but then letters still go to the
composer, since a click may only have meant the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from vlmtui.commands import message_actions
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.keys import keymap
from vlmtui.ui.widgets.transcript.column import Entry
from vlmtui.ui.widgets.transcript.conversation_column import Conversation
from vlmtui.ui.widgets.transcript.entries import MessageEntry

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.commands.code_blocks import CodeBlock
    from vlmtui.ui.widgets.transcript.action_line import ActionLine, Item
    from vlmtui.ui.widgets.transcript.answer_block import Answer

_MOST_BLOCKS = 9
"""Blocks of code that can be picked by a digit."""


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
        *(
            Binding(
                action.key, f"act('{action.name}')", action.summary, id=f"message.{action.name}"
            )
            for action in message_actions.ACTIONS
        ),
        Binding("u", "undo", "Undo the deletion", id="message.undo"),
    ]


class Transcript(Conversation, inherit_bindings=False):
    """A conversation whose messages can be acted on."""

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

    class CodeWanted(Message):
        """The reader wants a block of code on the clipboard."""

        def __init__(self, block: CodeBlock) -> None:
            super().__init__()
            self.block = block

    class UndoWanted(Message):
        """The reader wants back what was deleted last."""

    class Left(Message):
        """The reader is done with the messages."""

    def __init__(self) -> None:
        super().__init__()
        self._cursor: MessageEntry | None = None
        self._browsing = False
        self._picking: Sequence[CodeBlock] = ()

    @property
    def cursor(self) -> int | None:
        """The message under the cursor."""
        return self._cursor.stored.id if self._cursor is not None else None

    @property
    def browsing(self) -> bool:
        """Letters are actions: the keyboard led here."""
        return self._browsing

    # ------------------------------------------------------------------ moving

    async def put(self, entries: Iterable[Entry]) -> None:
        """Show other entries; the cursor stays on its message if that is still there."""
        await super().put(entries)
        if self._cursor is not None and self._cursor not in self.entries:
            await self.select(self.entry(self._cursor.stored.id), keyboard=self._browsing)

    async def begin_answer(self, stored: StoredMessage) -> Answer:
        """Add an answer that will grow; the cursor goes to it from the one it is to replace."""
        browsing = self._browsing
        answer = await super().begin_answer(stored)
        if browsing:
            await self.put_cursor(stored.id)
        return answer

    async def end_answer(self, stored: StoredMessage) -> None:
        """Show an answer in its final form; other things can be done with it then."""
        await super().end_answer(stored)
        if self._cursor is not None:
            self._cursor.pinned = True
            await self._offer()

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
        self._browsing = keyboard and entry is not None
        self._picking = ()
        if before is not None and before is not entry:
            before.pinned = before is self._live
            if before.block is not None:
                await before.block.offer(())
        if entry is not None:
            entry.pinned = True
            await self.ensure(entry)
            await self._offer()
            if keyboard:
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
        """Go to the first or the last message."""
        if messages := self.messages():
            await self.select(messages[index], keyboard=True)

    async def action_leave(self) -> None:
        """Go back to the composer; out of a list of blocks first."""
        if self._picking:
            self._picking = ()
            await self._offer()
            return
        await self.select(None, keyboard=True)
        self.post_message(self.Left())

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

    async def _offer(self) -> None:
        entry = self._cursor
        if entry is not None and entry.block is not None:
            title = "Copy which block?" if self._picking else ""
            await entry.block.offer(self._items(entry), title)

    def _items(self, entry: MessageEntry) -> list[Item]:
        from vlmtui.ui.widgets.transcript.action_line import Item

        if self._picking:
            return [
                Item(f"block {number}", str(number), _described(block))
                for number, block in enumerate(self._picking, start=1)
            ]
        stored = entry.stored
        place = f"{stored.sibling}/{stored.siblings}"
        labels = {"next": place, "previous": "" if stored.sibling < stored.siblings else place}
        items = [
            Item(action.name, self._key(action), labels.get(action.name, action.label))
            for action in message_actions.applying(stored, last=entry is self.messages()[-1])
        ]
        if self._browsing:
            leave = keymap.keys_of(self.app, "transcript.leave", "escape")
            items.append(Item("leave", leave, "back"))
        return items

    def _key(self, action: message_actions.Action) -> str:
        key = keymap.keys_of(self.app, f"message.{action.name}", action.key)
        return key if self._browsing or action.name in ("previous", "next") else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters are actions only while the keyboard is used to go through the messages."""
        if action in ("act", "undo"):
            return self._browsing and not self._picking
        return True

    async def action_act(self, name: str) -> None:
        """Have something done with the message under the cursor."""
        entry = self._cursor
        if entry is None:
            return
        if name in {item.name for item in self._items(entry)}:
            await self._act(entry, name)

    async def _act(self, entry: MessageEntry, name: str) -> None:
        if name == "copy_code":
            from vlmtui.commands.code_blocks import code_blocks

            blocks = code_blocks(entry.text)[:_MOST_BLOCKS]
            if len(blocks) == 1:
                self.post_message(self.CodeWanted(blocks[0]))
            elif blocks:
                self._picking = blocks
                await self._offer()
            return
        self.post_message(self.ActionWanted(entry.stored.id, name))

    def action_undo(self) -> None:
        """Bring back what was deleted last."""
        self.post_message(self.UndoWanted())

    async def _pick(self, number: int) -> None:
        blocks, self._picking = self._picking, ()
        if 1 <= number <= len(blocks):
            self.post_message(self.CodeWanted(blocks[number - 1]))
        await self._offer()

    async def on_action_line_chosen(self, event: ActionLine.Chosen) -> None:
        """Do what was clicked."""
        event.stop()
        if event.name.startswith("block "):
            await self._pick(int(event.name.removeprefix("block ")))
        elif event.name == "leave":
            await self.action_leave()
        elif self._cursor is not None:
            await self._act(self._cursor, event.name)

    # ------------------------------------------------------------------ keys and mouse

    async def on_key(self, event: events.Key) -> None:
        """A digit picks a block; whoever types anything else means the composer."""
        if self._picking:
            event.stop()
            await self._pick(int(event.key) if event.key.isdecimal() else 0)
        elif event.is_printable and event.character and not self._browsing:
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


def _described(block: CodeBlock) -> str:
    return f"{block.language or 'code'}, {block.lines} line{'s' if block.lines > 1 else ''}"
