"""Panes on the chat screen: which are shown, how wide they are, which one has the keyboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget

from vlmtui.stats.engine_state import EngineState
from vlmtui.ui.background import in_thread
from vlmtui.ui.keys import keymap
from vlmtui.ui.screens.chat.arrangement import BOUNDS, Arrangement, Pane, arrange
from vlmtui.ui.screens.chat.chat_facts import (
    ChatsChanged,
    CommandDone,
    Leaving,
    PanesMounted,
    ThreadShown,
)
from vlmtui.ui.screens.chat.topic import ChatContext, Topic, key
from vlmtui.ui.widgets.heading import Heading

if TYPE_CHECKING:
    from vlmtui.ui.widgets.panes.divider import Divider  # not needed for the first paint

_NO_TITLE = "New chat"
_SAVE_SECONDS = 1.0
_TITLE_ROWS = 18
"""Rows from which the title of the chat has one of its own."""


class PanesTopic(Topic):
    """What can be done with panes, and the title above them."""

    BINDINGS = (
        # Ctrl+B is the usual key of a side bar, and tmux's prefix: F4 does without.
        key("f4,ctrl+b", "panes.chats", "Chats", "panes.chats"),
        key("f5", "panes.side", "Stats", "panes.side"),
        key("f6", "panes.next", "Next pane", "panes.next"),
    )

    def __init__(self, chat: ChatContext) -> None:
        super().__init__(chat)
        self._screen = chat.screen
        self._memory = chat.screen.memory
        self._drawer: Pane | None = None
        self._arrangement = Arrangement(chats="hidden", side="hidden")
        self._early: list[Callable[[], None]] | None = []
        """What came before the panes; None once they are there."""

        chat.commands.forms["chats"] = lambda title: self._do(partial(self._show_chats, title))
        chat.actions["panes.chats"] = lambda: self._do(partial(self._toggle, "chats"))
        chat.actions["panes.side"] = lambda: self._do(partial(self._toggle, "side"))
        chat.actions["panes.next"] = self._next
        chat.actions["panes.leave"] = self._go_back
        chat.stops.insert(0, self._close_drawer)  # Esc may come before the drawer has the keyboard
        for name in BOUNDS:
            chat.actions[f"panes.widen_{name}"] = partial(self._widen, name)
        chat.watch("engine_state", self._show_model)
        chat.watch("chat", self._show_title)
        chat.handlers[ThreadShown].append(lambda _: self._show_title())
        chat.handlers[CommandDone].append(lambda _: self._show_title())
        chat.handlers[events.Resize].append(self._resized)
        chat.handlers[events.DescendantFocus].append(self._focus_moved)
        chat.handlers[events.Key].append(self._typed)
        chat.handlers["on_divider_dragged"].append(self._dragged)
        chat.handlers[PanesMounted].append(lambda _: self._furnished())
        chat.handlers[Leaving].append(lambda _: self._memory.save())

    # ------------------------------------------------------------------ the title

    def _show_model(self, before: EngineState, after: EngineState) -> None:
        if before.model != after.model:
            self._show_title()

    def _show_title(self) -> None:
        """Show the title of the chat, above the transcript and on the terminal's window."""
        chat = self._screen.chat
        for heading in self._screen.query("#title").results(Heading):
            heading.text = chat.title if chat is not None else _NO_TITLE
            heading.note = " · ".join(filter(None, (self._screen.engine_state.model, self._own())))
        self._screen.app.sub_title = chat.title if chat is not None else ""

    def _own(self) -> str:
        """What is set for this chat alone, in words."""
        if (preferences := self.chat.preferences) is None:
            return ""
        from vlmtui.commands.settings_commands import own_settings  # not for the first paint

        return own_settings(preferences)

    # ------------------------------------------------------------------ arranging

    def _arranged(self, columns: int) -> Arrangement:
        return arrange(columns, self._memory.value, self._drawer)

    def _resized(self, event: events.Resize) -> None:
        """Give each pane its place in the new size."""
        self._screen.set_class(event.size.height < _TITLE_ROWS, "-low")
        self._lay_out(event.size.width)

    def _lay_out(self, columns: int | None = None) -> None:
        """Put the panes where they belong now."""
        columns = self._screen.size.width if columns is None else columns
        now = self._arrangement = self._arranged(columns)
        if self._drawer is not None and now.place(self._drawer) != "over":
            self._drawer = None
        for name in BOUNDS:
            place = now.place(name)
            for pane in self._screen.query(f".pane.{name}"):
                appears = place != "hidden" and not pane.display
                pane.display = place != "hidden"
                if appears and name == "chats":  # Textual's `Show` may be left out
                    self.chat.emit_now(ChatsChanged())
                pane.set_class(place == "over", "-over")
                pane.styles.width = now.width(name)
            for divider in self._screen.query(f"Divider.{name}"):
                divider.display = place == "beside"

    def _pane(self, name: Pane) -> Widget:
        return self._screen.query_one(f".pane.{name}")

    # ------------------------------------------------------------------ shown and hidden

    def _do(self, action: Callable[[], None]) -> None:
        """Do something with a pane, as soon as there is one: a key may come before them."""
        if self._early is None:
            action()
        else:
            self._early.append(action)

    def _furnished(self) -> None:
        early, self._early = self._early or [], None
        self._lay_out()
        for action in early:
            action()

    def _toggle(self, name: Pane) -> None:
        """Show a pane, or hide it; the chats are gone to before they are hidden."""
        place = self._arrangement.place(name)
        if place == "over":
            self._close_drawer()
        elif place == "hidden":
            self._show(name)
        elif name == "chats" and not self._pane(name).has_focus_within:
            self._focus(name)
        else:
            self._remember(**{name: False})
            self._leave(name)
            self._lay_out()

    def _show(self, name: Pane) -> None:
        if not self._has_room(name, **{name: True}):
            self._drawer = name
        self._lay_out()
        if name == "chats" or self._drawer is not None:
            self._focus(name)

    def _show_chats(self, title: str) -> None:
        """Show the list of chats, or of those with words in their title, and go there."""
        if self._arrangement.place("chats") == "hidden":
            self._show("chats")
        else:
            self._focus("chats")
        if title:
            from vlmtui.ui.widgets.panes.chats_pane import ChatsPane

            self._screen.query_one(ChatsPane).filter(title)

    def _focus(self, name: Pane) -> None:
        _take_keyboard(self._pane(name))

    def _close_drawer(self) -> bool:
        """Put away the drawer; False when none was open."""
        name = self._drawer
        if name is None:
            return False
        self._drawer = None
        self._leave(name)
        self._lay_out()
        return True

    def _go_back(self) -> None:
        """Go back to the composer; a drawer goes away."""
        if not self._close_drawer():
            self.chat.prompt.focus_composer()

    def _leave(self, name: Pane) -> None:
        pane = self._pane(name)
        if pane.has_focus or pane.has_focus_within:
            self.chat.prompt.focus_composer()

    def _focus_moved(self, event: events.DescendantFocus) -> None:
        """A drawer that was left goes away: by a click, with Tab, for a chat that was opened."""
        if self._drawer is None:
            return
        if self._pane(self._drawer) not in event.widget.ancestors_with_self:
            self._drawer = None
            self._lay_out()

    def _typed(self, event: events.Key) -> None:
        """What is typed where nothing takes letters is meant for the composer."""
        focused = self._screen.focused
        if focused is not None and (
            not focused.has_class("side") or event.key in keymap.bound(focused)
        ):
            return
        if event.key in self._screen.active_bindings:
            return  # < and > move the divider
        if event.is_printable and event.character:
            event.stop()
            self.chat.prompt.focus_composer(event.character)

    def _next(self) -> None:
        """Go round: chats, transcript, composer, statistics."""
        places = [
            *(self._stops("chats")),
            self.chat.transcript,
            self.chat.prompt.query_one("Composer"),
            *(self._stops("side")),
        ]
        here = -1
        if self._screen.focused is not None:
            above = self._screen.focused.ancestors_with_self
            here = next((i for i, place in enumerate(places) if place in above), -1)
        _take_keyboard(places[(here + 1) % len(places)])

    def _stops(self, name: Pane) -> list[Widget]:
        return [self._pane(name)] if self._arrangement.place(name) != "hidden" else []

    # ------------------------------------------------------------------ widths

    def _dragged(self, event: Divider.Dragged) -> None:
        if event.divider.has_class("chats"):
            self._set_width("chats", event.column)
        else:
            self._set_width("side", self._screen.size.width - event.column - 1)

    def _widen(self, name: Pane, by: int) -> None:
        """Make a pane wider, or narrower by a negative number."""
        if self._arrangement.place(name) == "beside":
            self._set_width(name, self._arrangement.width(name) + by)

    def _set_width(self, name: Pane, width: int) -> None:
        bounds = BOUNDS[name]
        if self._has_room(name, **{f"{name}_width": min(max(width, bounds.least), bounds.most)}):
            self._lay_out()
            self._remember(**{f"{name}_width": self._arrangement.width(name)})

    def _has_room(self, name: Pane, **fields: bool | int) -> bool:
        """Remember something of a pane, if it has room beside the transcript then."""
        before = self._memory.value
        self._memory.change(**fields)
        if self._arranged(self._screen.size.width).place(name) == "beside":
            self._remember()
            return True
        self._memory.value = before
        return False

    def _remember(self, **fields: bool | int | str | None) -> None:
        """Remember for the next start, a moment after the last change."""
        self._memory.change(**fields)
        self.chat.start(self._save_soon(), "remember")

    async def _save_soon(self) -> None:
        await asyncio.sleep(_SAVE_SECONDS)
        await in_thread(self._memory.save)


def _take_keyboard(place: Widget) -> None:
    (place if place.can_focus else place.query(".list").first()).focus()
