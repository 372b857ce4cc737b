"""A question over whatever is on the screen."""

from __future__ import annotations

from textual.app import ComposeResult

from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.composer.confirm import Confirm


class YesOrNo(Dialog[bool]):
    """Returns whether the answer was yes."""

    DEFAULT_CSS = """
    YesOrNo {
        align: center bottom;

        & > Confirm {
            margin: 0 1 1 1;
            padding: 1;
            max-height: 8;
            border: round $warning;
        }
    }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self._confirm = Confirm(question)

    def compose(self) -> ComposeResult:
        yield self._confirm

    def on_mount(self) -> None:
        self._confirm.focus()
        self._confirm.answer.add_done_callback(lambda answer: self.dismiss(answer.result()))
