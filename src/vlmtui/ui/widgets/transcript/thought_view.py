"""What the model thought before an answer: one line, and all of it when that is wanted."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Static

from vlmtui import printable
from vlmtui.ui.widgets.transcript.markdown_view import MarkdownView

_LAST = 400
"""Characters of which the last ones are shown while it grows: no terminal has a longer line."""


class _Line(Static):
    """What it says of the thought; a click on it, and not in the text, folds and unfolds that."""

    def __init__(self, clicked: Callable[[], None]) -> None:
        super().__init__()
        self._clicked = clicked
        self._label = self._last = ""

    def say(self, label: str, last: str = "") -> None:
        """Show a label, and the end of a text as far as there is room."""
        self._label, self._last = label, last
        self.refresh()

    def on_click(self) -> None:
        self._clicked()

    def render(self) -> Content:
        room = self.content_size.width - len(self._label) - 3
        last = self._last
        if last and room > 8:
            cut = last[-room:]
            while cell_len(cut) > room - (cut != last):
                cut = cut[1:]
            cut = cut if cut == last else f"…{cut}"
            return Content.assemble((self._label, "$accent"), (f" · {cut}", "$text-dim"))
        return Content.styled(self._label, "$text-dim")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row, however long what it says is."""
        return 1


class ThoughtView(Vertical):
    """Takes no place before there is a thought."""

    DEFAULT_CSS = """
    ThoughtView {
        height: auto;

        & > _Line {
            height: 1;
        }
        & > MarkdownView {
            color: $text-dim;
            border-left: solid $border-blurred;
            padding: 0 0 0 1;
        }
    }
    """

    # as that of its message
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(self, text: str = "", label: str = "") -> None:
        super().__init__()
        self._safe = printable.ProseStream()
        self.text = printable.prose(text).strip()
        """What was thought so far."""

        self._label = label
        self._grows = False
        self._line = _Line(self.fold)
        self._view = MarkdownView()
        self._view.display = False
        self.display = bool(self.text)

    def compose(self) -> ComposeResult:
        yield self._line
        yield self._view

    def on_mount(self) -> None:
        self._say()

    @property
    def unfolded(self) -> bool:
        return self._view.display

    def grow(self, text: str, label: str) -> None:
        more = self._safe.feed(text)
        if not self.text:
            more = more.lstrip()
        self.text += more
        self._label = label
        self._grows = True
        self.display = True
        if self.unfolded:
            self._view.append(more)
        self._say()

    def finish(self, text: str | None, label: str) -> None:
        """It has ended, and `label` says what it took; None is for a text that has come already."""
        self._grows = False
        self._label = label
        if text is not None:
            self.text = printable.prose(text).strip()
            if self.unfolded:
                self._view.update(self.text)
        self.display = bool(self.text)
        self._say()

    def fold(self, folded: bool | None = None) -> None:
        """Fold it or unfold it; None: the other way round."""
        unfold = not self.unfolded if folded is None else not folded
        if unfold != self.unfolded:
            self._view.update(self.text if unfold else "")
            self._view.display = unfold
            self._say()

    def _say(self) -> None:
        last = " ".join(self.text[-_LAST:].split()) if self._grows and not self.unfolded else ""
        mark = "●" if self._grows else "▾" if self.unfolded else "▸"
        self._line.say(f"{mark} {self._label}", last)
