"""What can be done with the message under the cursor: shown beneath it, and asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlmtui.commands import message_actions
from vlmtui.ui.keys import keymap
from vlmtui.ui.widgets.transcript.entries import MessageEntry

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.commands.code_blocks import CodeBlock
    from vlmtui.ui.widgets.transcript.action_line import Item
    from vlmtui.ui.widgets.transcript.transcript import Transcript

_MOST_BLOCKS = 9
"""Blocks of code that can be picked by a digit."""


class OfferedActions:
    """The line of actions, or instead of it the blocks of code to pick one from."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._blocks: Sequence[CodeBlock] = ()

    @property
    def picking(self) -> bool:
        """One of several blocks of code is to be picked."""
        return bool(self._blocks)

    def stop_picking(self) -> bool:
        """Pick none; False where there was nothing to pick."""
        was, self._blocks = self.picking, ()
        return was

    async def show(self, entry: MessageEntry | None) -> None:
        """Show beneath a message what can be done with it now."""
        if entry is not None and entry.block is not None:
            title = "Copy which block?" if self._blocks else ""
            items = self._items(entry)
            await entry.block.offer(items, title)
            transcript = self._transcript
            unseen = transcript.browsing and entry.height > transcript.container_size.height
            hints = [(item.key, item.label) for item in items if item.key]
            transcript.post_message(transcript.Offered(hints if unseen else ()))

    async def act(self, entry: MessageEntry, name: str) -> None:
        """Ask for something to be done, if it is offered."""
        if name not in {item.name for item in self._items(entry)}:
            return
        if name.startswith("block "):
            await self.pick(entry, int(name.removeprefix("block ")))
        elif name == "leave":
            await self._transcript.action_leave()
        elif name == "copy_code":
            await self._copy_code(entry)
        elif name == "match":
            await self._transcript.run_action("screen.topic('match', 1)")
        else:
            self._transcript.post_message(self._transcript.ActionWanted(entry.stored.id, name))

    async def pick(self, entry: MessageEntry | None, number: int) -> None:
        """Take a block of code by its number; another number takes none."""
        blocks, self._blocks = self._blocks, ()
        if 1 <= number <= len(blocks):
            self._transcript.post_message(self._transcript.CodeWanted(blocks[number - 1]))
        await self.show(entry)

    async def _copy_code(self, entry: MessageEntry) -> None:
        from vlmtui.commands.code_blocks import code_blocks

        blocks = code_blocks(entry.text)[:_MOST_BLOCKS]
        if len(blocks) == 1:
            self._transcript.post_message(self._transcript.CodeWanted(blocks[0]))
        elif blocks:
            self._blocks = blocks
            await self.show(entry)

    def _items(self, entry: MessageEntry) -> list[Item]:
        from vlmtui.ui.widgets.transcript.action_line import Item

        if self._blocks:
            return [
                Item(f"block {number}", str(number), _described(block))
                for number, block in enumerate(self._blocks, start=1)
            ]
        stored, browsing = entry.stored, self._transcript.browsing
        place = f"{stored.sibling}/{stored.siblings}"
        labels = {"next": place, "previous": "" if stored.sibling < stored.siblings else place}
        last = entry is self._transcript.messages()[-1]
        model = self._transcript.engine_state.info
        items = [
            Item(action.name, self._key(action), labels.get(action.name, action.label))
            for action in message_actions.applying(stored, model, last=last)
        ]
        if browsing and self._transcript.match:
            keys = f"{self._match_key('next')} {self._match_key('previous')}"
            items.insert(0, Item("match", keys, f"match {self._transcript.match}"))
        if browsing:
            leave = keymap.keys_of(self._transcript.app, "transcript.leave", "escape")
            items.append(Item("leave", leave, "back"))
        return items

    def _key(self, action: message_actions.Action) -> str:
        key = keymap.keys_of(self._transcript.app, f"message.{action.name}", action.key)
        shown = self._transcript.browsing or action.name in ("previous", "next")
        taken = bool(self._transcript.match) and key == self._match_key("next")
        return key if shown and not taken else ""

    def _match_key(self, which: str) -> str:
        default = "n" if which == "next" else "N"
        return keymap.keys_of(self._transcript.app, f"transcript.{which}_match", default)


def _described(block: CodeBlock) -> str:
    return f"{block.language or 'code'}, {block.lines:,} line{'s' if block.lines > 1 else ''}"
