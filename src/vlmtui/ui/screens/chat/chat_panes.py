"""Panes on the chat screen: which are shown, how wide they are, which one has the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget

from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.chat.arrangement import BOUNDS, Arrangement, Pane, arrange
from vlmtui.ui.screens.chat.chat_turns import ChatTurns
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.panes.divider import Divider

if TYPE_CHECKING:
    from textual.worker import Worker

_NO_TITLE = "New chat"
_SAVE_SECONDS = 1.0
_TITLE_ROWS = 18
"""Rows from which the title of the chat has one of its own."""


class ChatPanes(ChatTurns):
    """What can be done with panes. `furnish_panes` must be called once they are mounted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Ctrl+B is the usual key of a side bar, and tmux's prefix: F4 does without.
        Binding("f4,ctrl+b", "toggle_chats", "Chats", id="panes.chats", priority=True),
        Binding("f5", "toggle_side", "Figures", id="panes.side", priority=True),
        Binding("f6", "next_pane", "Next pane", id="panes.next", priority=True),
    ]

    memory: Memory
    """How the user left the screen."""

    _drawer: Pane | None = None
    _arrangement = Arrangement(chats="hidden", side="hidden")
    _save_timer: Timer | None = None

    def on_mount(self) -> None:
        """Show the title of the chat, above the transcript and on the terminal's window."""
        self.watch(self, "chat", self._show_title)
        self.watch(self, "engine_state", self._show_model)

    def _show_model(self, before: EngineState, after: EngineState) -> None:
        if before.model != after.model:
            self._show_title()

    def _show_title(self) -> None:
        for heading in self.query("#title").results(Heading):
            heading.text = self.chat.title if self.chat is not None else _NO_TITLE
            heading.note = self.engine_state.model
        self.app.sub_title = self.chat.title if self.chat is not None else ""

    # ------------------------------------------------------------------ arranging

    def arrangement_at(self, columns: int) -> Arrangement:
        """Where the panes stand in a terminal of so many columns."""
        return arrange(columns, self.memory.value, self._drawer)

    def on_resize(self, event: events.Resize) -> None:
        """Give each pane its place in the new size."""
        self.set_class(event.size.height < _TITLE_ROWS, "-low")
        self.lay_out_panes(event.size.width)

    def lay_out_panes(self, columns: int | None = None) -> None:
        """Put the panes where they belong now."""
        columns = self.size.width if columns is None else columns
        now = self._arrangement = self.arrangement_at(columns)
        if self._drawer is not None and now.place(self._drawer) != "over":
            self._drawer = None
        for name in BOUNDS:
            place = now.place(name)
            for pane in self.query(f".pane.{name}"):
                if pane.display != (place != "hidden"):
                    pane.display = not pane.display
                    self.pane_toggled(name, pane.display)
                pane.set_class(place == "over", "-over")
                pane.styles.width = now.width(name)
            for divider in self.query(f"Divider.{name}"):
                divider.display = place == "beside"

    def pane_toggled(self, name: Pane, shown: bool) -> None:
        """Called when a pane has come into view, or gone."""

    def _pane(self, name: Pane) -> Widget:
        return self.query_one(f".pane.{name}")

    # ------------------------------------------------------------------ shown and hidden

    def action_toggle_chats(self) -> None:
        """Show the chats and go there; from there, hide them."""
        self._toggle("chats")

    def action_toggle_side(self) -> None:
        """Show or hide the figures."""
        self._toggle("side")

    def _toggle(self, name: Pane) -> None:
        place = self._arrangement.place(name)
        if place == "over":
            self.close_drawer()
        elif place == "hidden":
            self._show(name)
        elif name == "chats" and not self._pane(name).has_focus_within:
            self.focus_pane(name)
        else:
            self._remember(**{name: False})
            self._leave(name)
            self.lay_out_panes()

    def _show(self, name: Pane) -> None:
        before = self.memory.value
        self.memory.change(**{name: True})
        if self.arrangement_at(self.size.width).place(name) == "beside":
            self._remember()
        else:
            self.memory.value = before
            self._drawer = name
        self.lay_out_panes()
        if name == "chats" or self._drawer is not None:
            self.focus_pane(name)

    def show_chats(self) -> None:
        """Show the list of chats and go there."""
        if self._arrangement.place("chats") == "hidden":
            self._show("chats")
        else:
            self.focus_pane("chats")

    def focus_pane(self, name: Pane) -> None:
        """Give a pane the keyboard."""
        pane = self._pane(name)
        target = pane if pane.can_focus else pane.query(".list").first()
        target.focus()

    def close_drawer(self) -> bool:
        """Put away the drawer; False when none was open."""
        name = self._drawer
        if name is None:
            return False
        self._drawer = None
        self._leave(name)
        self.lay_out_panes()
        return True

    def action_leave_pane(self) -> None:
        """Go back to the composer; a drawer goes away."""
        if not self.close_drawer():
            self.prompt.focus_composer()

    def _leave(self, name: Pane) -> None:
        pane = self._pane(name)
        if pane.has_focus or pane.has_focus_within:
            self.prompt.focus_composer()

    @on(events.DescendantFocus)
    def _focus_moved(self, event: events.DescendantFocus) -> None:
        """A drawer that was left, by a click or with Tab, goes away."""
        if self._drawer is None:
            return
        if self._pane(self._drawer) not in event.widget.ancestors_with_self:
            self._drawer = None
            self.lay_out_panes()

    def action_next_pane(self) -> None:
        """Go round: chats, transcript, composer, figures."""
        places = [
            *(self._stops("chats")),
            self.transcript,
            self.prompt.query_one("Composer"),
            *(self._stops("side")),
        ]
        here = -1
        if self.focused is not None:
            above = self.focused.ancestors_with_self
            here = next((i for i, place in enumerate(places) if place in above), -1)
        target = places[(here + 1) % len(places)]
        if target.can_focus:
            target.focus()
        else:
            target.query(".list").first().focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that scroll the transcript scroll a pane while that has the keyboard."""
        if action in ("scroll_page", "scroll_to") and self.focused is not None:
            return not any(node.has_class("pane") for node in self.focused.ancestors_with_self)
        return super().check_action(action, parameters)

    def _stops(self, name: Pane) -> list[Widget]:
        return [self._pane(name)] if self._arrangement.place(name) != "hidden" else []

    # ------------------------------------------------------------------ widths

    @on(Divider.Dragged)
    def _dragged(self, event: Divider.Dragged) -> None:
        if event.divider.has_class("chats"):
            self._set_width("chats", event.column)
        else:
            self._set_width("side", self.size.width - event.column - 1)

    def action_widen(self, name: Pane, by: int) -> None:
        """Make a pane wider, or narrower by a negative number."""
        if self._arrangement.place(name) == "beside":
            self._set_width(name, self._arrangement.width(name) + by)

    def _set_width(self, name: Pane, width: int) -> None:
        bounds = BOUNDS[name]
        width = min(max(width, bounds.least), bounds.most)
        before = self.memory.value
        self.memory.change(**{f"{name}_width": width})
        now = self.arrangement_at(self.size.width)
        if now.place(name) != "beside":
            self.memory.value = before
            return
        self._remember(**{f"{name}_width": now.width(name)})
        self.lay_out_panes()

    # ------------------------------------------------------------------ remembered

    def _remember(self, **fields: bool | int | str | None) -> None:
        """Remember for the next start, a moment after the last change."""
        self.memory.change(**fields)
        if self._save_timer is not None:
            self._save_timer.stop()
        self._save_timer = self.set_timer(_SAVE_SECONDS, self._save)

    @work(thread=True, exclusive=True, group="remember", exit_on_error=False)
    def _save(self) -> None:
        self.memory.save()

    def leave(self) -> Worker[None]:
        """Remember what the timer hasn't saved yet, and leave."""
        self.memory.save()
        return super().leave()
