"""Reading on the chat screen: scrolling, the cursor on the messages, copying."""

from __future__ import annotations

from textual.binding import Binding

from vlmtui import units
from vlmtui.commands.message_commands import copied_code
from vlmtui.commands.outcomes import Copied
from vlmtui.ui.background import in_thread
from vlmtui.ui.screens.chat.chat_facts import TurnBegan
from vlmtui.ui.screens.chat.topic import ChatContext, Topic
from vlmtui.ui.widgets.transcript.transcript import Transcript


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
        chat.commands.shows[Copied] = self._copied
        chat.actions["reading.page"] = self._scroll_page
        chat.actions["reading.start"] = lambda: chat.transcript.scroll_home(animate=False)
        chat.actions["reading.end"] = lambda: chat.transcript.follow()
        chat.actions["reading.browse"] = lambda step: chat.transcript.browse(step)
        for action in ("page", "start", "end"):
            chat.applies[f"reading.{action}"] = self._in_no_pane
        chat.handlers[Transcript.Typed].append(
            lambda event: chat.prompt.focus_composer(event.character)
        )
        chat.handlers[Transcript.Left].append(lambda _: chat.prompt.focus_composer())
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

    def _scroll_page(self, direction: int) -> None:
        if direction < 0:
            self.chat.transcript.scroll_page_up(animate=False)
        else:
            self.chat.transcript.scroll_page_down(animate=False)

    # ------------------------------------------------------------------ copying

    def _copied(self, copied: Copied) -> None:
        self.chat.screen.app.copy_to_clipboard(copied.text)
        size = f"{units.count(len(copied.text))} character{'s' if len(copied.text) != 1 else ''}"
        self.chat.prompt.say(f"Copied {copied.what}, {size}")


def _get_ready() -> None:
    """Have in memory what lays an answer out: its import would hold up the first words."""
    from vlmtui.ui.markdown import markdown_flow

    markdown_flow.Flow(80).feed("**ready**")
