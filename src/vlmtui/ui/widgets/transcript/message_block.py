"""What a question and an answer have in common: the cursor on them, and the actions below."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.reactive import Reactive

from vlmtui import printable
from vlmtui.ui.widgets.transcript.action_line import ActionLine, Item


class MessageBlock(Vertical):
    """A message of the transcript."""

    DEFAULT_CSS = """
    MessageBlock {
        height: auto;
        margin: 0 0 1 0;
        padding: 0 1;

        &.-cursor {
            background: $primary 12%;
        }
    }
    """

    # its height follows from what it holds: growing needs no second layout
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._line: ActionLine | None = None

    async def offer(self, items: Sequence[Item], title: str = "") -> None:
        """Put the cursor on it, with these actions below; without any, take it away."""
        self.set_class(bool(items), "-cursor")
        if not items:
            if self._line is not None:
                await self._line.remove()
                self._line = None
            return
        if self._line is None:
            self._line = ActionLine()
            self._line.offer(items, title)
            await self.mount(self._line)
        else:
            self._line.offer(items, title)


def speaker(name: str, version: str) -> Content:
    """The first line of a message: who says it, and which of several versions it is."""
    line = Content(printable.line(name, 60))
    return line + Content.styled(f"  {version}", "$text-dim") if version else line
