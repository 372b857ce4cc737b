"""Messages on the chat screen: read, answered again."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from vlmtui.ui.screens.chat_turns import ChatTurns
from vlmtui.ui.widgets.transcript import Transcript


class ChatMessages(ChatTurns):
    """What can be done with the messages of the transcript."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll_page(-1)", "Page up", id="chat.pageup", priority=True),
        Binding("pagedown", "scroll_page(1)", "Page down", id="chat.pagedown", priority=True),
        Binding("ctrl+home", "scroll_to(0)", "To the start", id="chat.start", priority=True),
        Binding("ctrl+end", "scroll_to(1)", "To the end", id="chat.end", priority=True),
    ]

    def command_regen(self, _: str) -> None:
        """Answer the last question again."""
        self._again = True
        self._begin_turn()
        self.answer_again()

    def action_scroll_page(self, direction: int) -> None:
        """Scroll the transcript by a page."""
        if direction < 0:
            self.transcript.scroll_page_up(animate=False)
        else:
            self.transcript.scroll_page_down(animate=False)

    def action_scroll_to(self, end: int) -> None:
        """Go to the start or the end of the transcript."""
        if end:
            self.transcript.scroll_end(animate=False)
        else:
            self.transcript.scroll_home(animate=False)

    @on(Transcript.Typed)
    def _typed_elsewhere(self, event: Transcript.Typed) -> None:
        self.prompt.focus_composer(event.character)
