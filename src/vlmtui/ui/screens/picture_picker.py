"""Choosing pictures by looking: a directory on the left, the picture under the cursor on the right.

Returns paths; whether they can be attached is for the chat to find out.
"""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable, units
from vlmtui.compose import picture_folders, recent_pictures
from vlmtui.compose.picture_folders import Entry, Listing
from vlmtui.errors import VlmtuiError
from vlmtui.messages import Detail, ImagePart
from vlmtui.paths import shown
from vlmtui.ui import background
from vlmtui.ui.keys import key_hints
from vlmtui.ui.screens.dialogs.dialog import Dialog
from vlmtui.ui.widgets.pictures.file_list import FileList
from vlmtui.ui.widgets.pictures.picture_widget import Picture

_LOOK_SECONDS = 0.1

_KEYS = (
    ("Enter", "attach"),
    ("Space", "mark"),
    ("Ctrl+D", "detail"),
    ("Backspace", "up"),
    (".", "hidden"),
    ("Esc", "close"),
)


class Picked(msgspec.Struct, frozen=True):
    """Pictures to attach, at least one."""

    paths: tuple[str, ...]
    detail: Detail | None
    """How finely they are looked at; None: as the chat's others."""


_DETAILS: tuple[Detail | None, ...] = (None, "low", "normal", "high", "max")


class PickerScreen(Dialog[Picked]):
    """Enter attaches what is marked, or the file under the cursor; Escape nothing."""

    DEFAULT_CSS = """
    PickerScreen {
        background: $background;

        & > .frame {
            height: 1fr;
        }
        & FileList {
            width: 3fr;
        }
        & #look {
            width: 2fr;
            padding: 0 1;
            align: center top;
        }
        & #facts {
            width: 1fr;
            margin: 1 0 0 0;
            text-align: center;
            color: $text-dim;
        }
        &.-small #look {
            display: none;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "dismiss", "Close", id="picker.close"),
        Binding("ctrl+d", "detail", "Look at them in more or less detail", id="picker.detail"),
        Binding("backspace", "back", "To the parent directory", id="picker.back"),
        Binding("full_stop", "hidden", "Show hidden files", id="picker.hidden"),
        Binding("ctrl+home,tilde", "home", "To the home directory", id="picker.home"),
    ]

    def __init__(self, directory: str) -> None:
        super().__init__()
        self.directory = os.path.abspath(directory)
        """The directory that is shown."""

        self._listing = Listing(self.directory)
        self._filter = ""
        self._hidden = False
        self._detail: Detail | None = None
        self._list = FileList(self._moved, self._chosen, self._typed)
        self._picture = Picture()

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame") as frame:
            key_hints.in_border(frame, _KEYS)
            with Horizontal():
                yield self._list
                with Vertical(id="look"):
                    yield self._picture
                    yield Static(id="facts")
            yield Static(classes="status")

    def on_mount(self) -> None:
        self._list.focus()
        self._open(self.directory)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 72 or event.size.height < 18, "-small")
        self._picture.max_rows = max(event.size.height - 8, 1)
        self.call_after_refresh(key_hints.in_border, self.query_one(".frame"), _KEYS)

    # ------------------------------------------------------------------ directories

    def _open(self, directory: str, came_from: str = "") -> None:
        self.directory = directory
        self._say(f"Reading {directory}")
        background.start(self, self._read(directory, came_from), "directory", self._complain)

    async def _read(self, directory: str, came_from: str) -> None:
        hidden = self._hidden
        self._listing = await background.in_thread(
            lambda: picture_folders.read(directory, hidden=hidden, recent=recent_pictures.files())
        )
        self._filter = ""
        self._show(came_from)

    def _complain(self, error: VlmtuiError) -> None:
        self._say(f"{error.message}. {error.hint}", error=True)

    def _show(self, came_from: str = "") -> None:
        listing = self._listing
        entries = picture_folders.matching(listing.entries, self._filter)
        paths = [entry.path for entry in entries] if came_from else []
        self._list.show(entries, paths.index(came_from) if came_from in paths else 0)
        frame = self.query_one(".frame")
        title = Content(printable.line(shown(listing.directory), max(self.size.width - 30, 20)))
        if self._filter:
            title = Content.assemble(title, (f"  ⌕ {printable.line(self._filter)}", "$accent"))
        frame.border_title = title
        self._describe(len(entries))

    def _describe(self, shown: int) -> None:
        listing = self._listing
        if listing.failure:
            self._say(
                f"{listing.directory} can't be read: {listing.failure}. Backspace goes up",
                error=True,
            )
            return
        pictures = sum(not entry.directory for entry in listing.entries)
        text = f"{units.count(pictures)} picture{'' if pictures == 1 else 's'}"
        if self._filter:
            text = f"{units.count(shown)} of {units.count(len(listing.entries))} match the filter"
        if listing.more:
            text += f"; only the first {units.count(picture_folders.MOST)} entries were read"
        if self._list.marked:
            text += f" · {len(self._list.marked)} marked"
        if self._detail is not None:
            text += f" · attached in {self._detail} detail"
        if not listing.entries:
            text = "No pictures and no directories here"
        self._say(text)

    def _say(self, text: str, *, error: bool = False) -> None:
        status = self.query_one(".status", Static)
        status.update(Content(printable.line(text)))
        status.set_class(error, "error")

    def action_back(self) -> None:
        """Take a character of the filter away, or else go up."""
        if self._filter:
            self._filter = self._filter[:-1]
            self._show()
            return
        above = os.path.dirname(self.directory)
        if above != self.directory:
            self._open(above, self.directory)

    def action_home(self) -> None:
        self._open(os.path.expanduser("~"))

    def action_detail(self) -> None:
        """Have what is attached looked at more finely, or as the chat's others again."""
        self._detail = _DETAILS[(_DETAILS.index(self._detail) + 1) % len(_DETAILS)]
        self._describe(len(self._list.rows))

    def action_hidden(self) -> None:
        """Show hidden files, or not; behind other characters a dot belongs to the filter."""
        if self._filter:
            self._typed(".")
        else:
            self._hidden = not self._hidden
            self._open(self.directory)

    def _typed(self, character: str) -> None:
        self._filter += character
        self._show()

    def _chosen(self, entry: Entry) -> None:
        if entry.directory:
            self._open(entry.path)
        else:
            self.dismiss(Picked(tuple(self._list.marked) or (entry.path,), self._detail))

    # ------------------------------------------------------------------ preview

    def _moved(self, entry: Entry | None) -> None:
        if not self._listing.failure:
            self._describe(len(self._list.rows))
        if entry is None or entry.directory:
            self.workers.cancel_group(self, "look")
            self._show_look(None)
        else:
            background.start(
                self, self._look_at(entry), "look", lambda error: self._show_look(None, error)
            )

    async def _look_at(self, entry: Entry) -> None:
        await asyncio.sleep(_LOOK_SECONDS)  # not at each that the cursor runs over
        from vlmtui.engine import images  # Pillow, when there is something to look at

        info = await background.in_thread(lambda: images.inspect(entry.path))
        image = ImagePart(entry.path, info.sha256, entry.name, info.width, info.height)
        about = f"{image.width}×{image.height} {info.format}, {units.size(info.size_bytes)}"
        self._show_look(image, about=about)

    def _show_look(
        self, image: ImagePart | None, error: VlmtuiError | None = None, about: str = ""
    ) -> None:
        self._picture.part = image
        facts = Content("")
        if error is not None:
            facts = Content.styled(printable.line(error.message), "$error")
        elif image is not None:
            facts = Content(f"{printable.line(image.name)}\n{about}")
        self.query_one("#facts", Static).update(facts)
        if self.has_class("-small") and facts.plain:
            self._say(" ".join(facts.plain.split("\n")), error=error is not None)
