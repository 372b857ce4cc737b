"""Reading on the chat screen: scrolling, the cursor on the messages, copying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

from vlmtui import printable, units
from vlmtui.messages import Role, readable
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.transcript.entries import MessageEntry
from vlmtui.ui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from vlmtui.commands.code_blocks import CodeBlock


def _key(key: str, action: str, does: str, name: str) -> Binding:
    return Binding(key, f"topic('reading.{action})", does, id=f"chat.{name}", priority=True)


class ReadingTopic(Topic):
    """What a reader does with the transcript."""

    BINDINGS = (
        _key("pageup", "page', -1", "Page up", "pageup"),
        _key("pagedown", "page', 1", "Page down", "pagedown"),
        _key("ctrl+home", "start'", "To the start", "start"),
        _key("ctrl+end", "end'", "To the end", "end"),
        _key("alt+up,ctrl+up", "browse', -1", "Go through messages", "browse"),
        _key("alt+down,ctrl+down", "browse', 1", "Message below", "browse_down"),
    )

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.forms["copy"] = self._copy
        chat.actions["reading.page"] = self._scroll_page
        chat.actions["reading.start"] = self._go_to_start
        chat.actions["reading.end"] = lambda: chat.transcript.follow()
        chat.actions["reading.browse"] = lambda step: chat.transcript.browse(step)
        for action in ("page", "start", "end"):
            chat.applies[f"reading.{action}"] = self._in_no_pane
        chat.hears[Transcript.Typed].append(lambda event: self._go_back(event.character))
        chat.hears[Transcript.Left].append(lambda _: self._go_back())
        chat.hears[Transcript.ActionWanted].append(self._copy_wanted)
        chat.hears[Transcript.CodeWanted].append(lambda event: self._copy_block(event.block))
        chat.turn_began.append(lambda: chat.start(in_thread(_get_ready), "ready"))

    # ------------------------------------------------------------------ scrolling

    def _in_no_pane(self) -> bool:
        """Whether keys that scroll mean the transcript, and not a pane that has the keyboard."""
        focused = self.chat.screen.focused
        above = focused.ancestors_with_self if focused is not None else ()
        return not any(node.has_class("pane") for node in above)

    def _scroll_page(self, direction: int) -> None:
        if direction < 0:
            self.chat.transcript.scroll_page_up(animate=False)
        else:
            self.chat.transcript.scroll_page_down(animate=False)

    def _go_to_start(self) -> None:
        self.chat.transcript.scroll_home(animate=False)

    def _go_back(self, typed: str = "") -> None:
        self.chat.prompt.focus_composer(typed)

    # ------------------------------------------------------------------ copying

    def _copy(self, argument: str) -> None:
        """Copy the message under the cursor or the last answer; of `code` its last block."""
        entry = self._meant()
        if entry is None:
            self.chat.prompt.say("There is nothing to copy yet")
        elif argument.strip().lower() == "code":
            self._copy_last_block(entry)
        else:
            self._copy_message(entry)

    def _copy_last_block(self, entry: MessageEntry) -> None:
        from vlmtui.commands.code_blocks import code_blocks

        transcript = self.chat.transcript
        for found in [entry] if transcript.cursor else transcript.messages()[::-1]:
            if blocks := code_blocks(found.text):
                self._copy_block(blocks[-1])
                return
        self.chat.prompt.say("There is no code in this chat")

    def _meant(self) -> MessageEntry | None:
        """The message under the cursor, or else the last answer."""
        transcript = self.chat.transcript
        if transcript.cursor is not None:
            return transcript.entry(transcript.cursor)
        answers = [e for e in transcript.messages() if e.stored.message.role is Role.ASSISTANT]
        return answers[-1] if answers else None

    def _copy_wanted(self, event: Transcript.ActionWanted) -> None:
        entry = self.chat.transcript.entry(event.message_id)
        if event.action == "copy" and entry is not None:
            self._copy_message(entry)

    def _copy_message(self, entry: MessageEntry) -> None:
        """Put a message on the clipboard, as it was written."""
        message = entry.stored.message
        who = "question" if message.role is Role.USER else "answer"
        self._put(readable(message) if message.images else entry.text, f"the {who}")

    def _copy_block(self, block: CodeBlock) -> None:
        named = f"{printable.line(block.language, 20)} code" if block.language else "code"
        self._put(
            block.text.rstrip("\n"),
            f"{block.lines} {'lines' if block.lines > 1 else 'line'} of {named}",
        )

    def _put(self, text: str, what: str) -> None:
        self.chat.screen.app.copy_to_clipboard(text)
        size = f"{units.count(len(text))} character{'s' if len(text) != 1 else ''}"
        self.chat.prompt.say(f"Copied {what}, {size}")


def _get_ready() -> None:
    """Have in memory what lays an answer out: its import would hold up the first words."""
    from vlmtui.ui.markdown import markdown_flow

    markdown_flow.Flow(80).feed("**ready**")
