"""Reading on the chat screen: scrolling, the cursor on the messages, copying."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from vlmtui import printable, units
from vlmtui.messages import Role, readable
from vlmtui.storage.records import StoredMessage
from vlmtui.ui.screens.chat.chat_turns import ChatTurns
from vlmtui.ui.widgets.transcript.entries import MessageEntry
from vlmtui.ui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.commands.code_blocks import CodeBlock


class ChatReading(ChatTurns):
    """What a reader does with the transcript."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll_page(-1)", "Page up", id="chat.pageup", priority=True),
        Binding("pagedown", "scroll_page(1)", "Page down", id="chat.pagedown", priority=True),
        Binding("ctrl+home", "scroll_to(0)", "To the start", id="chat.start", priority=True),
        Binding("ctrl+end", "scroll_to(1)", "To the end", id="chat.end", priority=True),
        Binding(
            "alt+up,ctrl+up", "browse(-1)", "Go through messages", id="chat.browse", priority=True
        ),
        Binding(
            "alt+down,ctrl+down", "browse(1)", "Message below", id="chat.browse_down", priority=True
        ),
    ]

    def _begin_turn(self) -> None:
        super()._begin_turn()
        self._get_ready()

    @work(thread=True, exclusive=True, group="ready", exit_on_error=False)
    def _get_ready(self) -> None:
        """Have in memory what lays an answer out: its import would hold up the first words."""
        from vlmtui.ui.markdown import markdown_flow

        markdown_flow.Flow(80).feed("**ready**")

    def action_scroll_page(self, direction: int) -> None:
        """Scroll the transcript by a page."""
        if direction < 0:
            self.transcript.scroll_page_up(animate=False)
        else:
            self.transcript.scroll_page_down(animate=False)

    def action_scroll_to(self, end: int) -> None:
        """Go to the start or the end of the transcript."""
        if end:
            self.transcript.follow()
        else:
            self.transcript.scroll_home(animate=False)

    async def action_browse(self, step: int) -> None:
        """Put a cursor on the messages, or move it."""
        await self.transcript.browse(step)

    @on(Transcript.Typed)
    def _typed_elsewhere(self, event: Transcript.Typed) -> None:
        self.prompt.focus_composer(event.character)

    @on(Transcript.Left)
    def _reading_ended(self) -> None:
        self.prompt.focus_composer()

    # ------------------------------------------------------------------ copying

    def command_copy(self, argument: str) -> None:
        """Copy the message under the cursor or the last answer; of `code` its last block."""
        entry = self._meant()
        if entry is None:
            self.prompt.say("There is nothing to copy yet")
        elif argument.strip().lower() == "code":
            self._copy_last_block()
        else:
            self.copy_message(entry)

    def _copy_last_block(self) -> None:
        from vlmtui.commands.code_blocks import code_blocks

        entry = self._meant()
        entries = [entry] if self.transcript.cursor and entry else self.transcript.messages()[::-1]
        for found in entries:
            if blocks := code_blocks(found.text):
                self._copy_block(blocks[-1])
                return
        self.prompt.say("There is no code in this chat")

    def _meant(self) -> MessageEntry | None:
        """The message under the cursor, or else the last answer."""
        if self.transcript.cursor is not None:
            return self.transcript.entry(self.transcript.cursor)
        answers = [e for e in self.transcript.messages() if e.stored.message.role is Role.ASSISTANT]
        return answers[-1] if answers else None

    def copy_message(self, entry: MessageEntry) -> None:
        """Put a message on the clipboard, as it was written."""
        text = _text(entry.stored) if entry.stored.message.images else entry.text
        who = "question" if entry.stored.message.role is Role.USER else "answer"
        self._copy(text, f"the {who}")

    @on(Transcript.CodeWanted)
    def _code_wanted(self, event: Transcript.CodeWanted) -> None:
        self._copy_block(event.block)

    def _copy_block(self, block: CodeBlock) -> None:
        named = f"{printable.line(block.language, 20)} code" if block.language else "code"
        self._copy(
            block.text.rstrip("\n"),
            f"{block.lines} {'lines' if block.lines > 1 else 'line'} of {named}",
        )

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        size = f"{units.count(len(text))} character{'s' if len(text) != 1 else ''}"
        self.prompt.say(f"Copied {what}, {size}")


def _text(stored: StoredMessage) -> str:
    return readable(stored.message)
