"""Reading on the chat screen: scrolling, the cursor on the messages, copying."""

from __future__ import annotations

from vlmtui import units
from vlmtui.commands.message_commands import copied_code
from vlmtui.commands.outcomes import Copied
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.chat_facts import TurnBegan
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key
from vlmtui.ui.widgets.transcript.transcript import Transcript


class ReadingTopic(Topic):
    """What a reader does with the transcript."""

    BINDINGS = (
        key("pageup", "pageup", "Page up"),
        key("pagedown", "pagedown", "Page down"),
        key("ctrl+home", "start", "To the start"),
        key("ctrl+end", "end", "To the end"),
        key("alt+up,ctrl+up", "browse", "Go through messages"),
        key("alt+down,ctrl+down", "browse_down", "Message below"),
    )

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        chat.commands.shows[Copied] = self._copied
        chat.actions["pageup"] = lambda: chat.transcript.scroll_page_up(animate=False)
        chat.actions["pagedown"] = lambda: chat.transcript.scroll_page_down(animate=False)
        chat.actions["start"] = lambda: chat.transcript.scroll_home(animate=False)
        chat.actions["end"] = lambda: chat.transcript.follow()
        for action in ("pageup", "pagedown", "start", "end"):
            chat.applies[action] = self._in_no_pane
        chat.actions["browse"] = lambda: chat.transcript.browse(-1)
        chat.actions["browse_down"] = lambda: chat.transcript.browse(1)
        chat.handlers[Transcript.Typed].append(
            lambda event: chat.prompt.focus_composer(event.character)
        )
        chat.handlers[Transcript.CodeWanted].append(
            lambda event: self._copied(copied_code(event.block))
        )
        chat.handlers[TurnBegan].append(lambda _: chat.start(in_thread(_get_ready), "ready"))

    # ------------------------------------------------------------------ scrolling

    def _in_no_pane(self) -> bool:
        """Whether keys that scroll mean the transcript, and not a pane that has the keyboard."""
        focused = self.chat.screen.focused
        above = focused.ancestors_with_self if focused is not None else ()
        return not any(node.has_class("pane") for node in above)

    # ------------------------------------------------------------------ copying

    def _copied(self, copied: Copied) -> None:
        self.chat.screen.app.copy_to_clipboard(copied.text)
        size = f"{units.count(len(copied.text))} character{'s' if len(copied.text) != 1 else ''}"
        self.chat.prompt.say(f"Copied {copied.what}, {size}")


def _get_ready() -> None:
    """Have in memory what lays an answer out: its import would hold up the first words."""
    from vlmtui.ui.markdown import markdown_flow

    markdown_flow.Flow(80).feed("**ready**")
