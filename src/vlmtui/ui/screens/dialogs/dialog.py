"""What all screens that lie over the chat have in common: they go once."""

from __future__ import annotations

from typing import ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType

from vlmtui.ui.screens.mended_screen import MendedScreen


class Overlying(MendedScreen[ScreenResultType]):
    """A screen that is dismissed once, and takes no other along.

    Textual takes away whatever is on top, as often as it is asked: the second click of two, which
    comes before the first has been seen, would close the chat.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # the application's own, which doesn't count over a modal screen
        Binding("question_mark", "app.help", "Help", id="dialog.help")
    ]
    _wants_to_go = False
    _went = False
    _result: ScreenResultType | None = None

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Go, once nothing lies over this screen."""
        if not self._wants_to_go:
            self._wants_to_go, self._result = True, result
        return self._go()

    def on_screen_resume(self) -> None:
        """What lay over this screen has gone."""
        if self._wants_to_go:
            self._go()

    def _go(self) -> AwaitComplete:
        if self._went or self.app.screen is not self:  # `is_current` means: can be seen
            return AwaitComplete()
        self._went = True
        return super().dismiss(self._result)


class Dialog(Overlying[ScreenResultType], ModalScreen[ScreenResultType]):
    """Such a screen, through which the chat can be seen around its `.frame`, if it has one."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%; /* Textual takes no CSS from a second base, ModalScreen */

        & Heading {
            color: $primary;
        }
        & .status {
            max-height: 3;
            padding: 0 1;
            color: $text-dim;
        }
        & .status.error {
            color: $error;
        }
        & .frame {
            max-width: 100%;
            height: auto;
            max-height: 100%;
            border: round $border;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-dim;
            background: $surface;
        }
    }
    """
