"""The pictures of a chat, one at a time, as large as the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from vlmtui import printable, units
from vlmtui.messages import ImagePart
from vlmtui.stats.image_costs import Cost
from vlmtui.ui import background
from vlmtui.ui.screens.full_screen_picture import FullScreenPicture
from vlmtui.ui.widgets.pictures.picture_widget import Picture


class PictureScreen(FullScreenPicture[ImagePart]):
    """Shows one picture; the arrows go through the others. Returns one that is to be cropped."""

    DEFAULT_CSS = """
    PictureScreen {
        & > #facts {
            max-height: 50%;
            padding: 0 1;
            background: $surface;
            display: none;
        }
        &.-facts > #facts {
            display: block;
        }
    }
    """
    hints = (
        ("←→", "other pictures"),
        ("c", "crop"),
        ("i", "facts"),
        ("y", "copy path"),
        ("Esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,f7", "dismiss", "Back to the chat", id="picture.close"),
        Binding("right,space,n,pagedown", "step(1)", "Next picture", id="picture.next"),
        Binding("left,backspace,p,pageup", "step(-1)", "Previous picture", id="picture.previous"),
        Binding("home", "end(0)", "First picture", id="picture.first"),
        Binding("end", "end(-1)", "Last picture", id="picture.last"),
        Binding("c", "crop", "Choose a part of the picture", id="picture.crop"),
        Binding("i", "toggle_facts", "Facts about the picture", id="picture.facts"),
        Binding("y,o", "copy_path", "Copy the path of the stored copy", id="picture.copy"),
    ]

    index: reactive[int] = reactive(0)

    def __init__(
        self, images: Sequence[ImagePart], index: int, costs: Mapping[str, Cost] | None = None
    ) -> None:
        """Show one of at least one picture; what is known of their costs is by SHA-256."""
        super().__init__(Picture())
        self._images = tuple(images)
        self._costs = costs or {}
        self.set_reactive(PictureScreen.index, index)

    @property
    def image(self) -> ImagePart:
        return self._images[self.index]

    async def on_mount(self) -> None:
        """Show the first one; its facts have a place above the keys."""
        await self.mount(Static(id="facts"), before="#keys")
        self._show()

    def watch_index(self) -> None:
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        image = self._picture.part = self.image
        background.start(
            self, self._inspect(image), "inspect", lambda error: self._describe(error.message)
        )
        self._describe()

    async def _inspect(self, image: ImagePart) -> None:
        from vlmtui.engine import images

        info = await background.in_thread(lambda: images.inspect(image.path))
        self._describe(f"{info.format}, {units.size(info.size_bytes)}")

    def _describe(self, file: str = "") -> None:
        """Show what is known; `file` is what the stored copy is, or why nobody knows."""
        image, many = self.image, len(self._images) > 1
        title = Content.assemble(
            (printable.line(image.name, 60), "bold"), f"  {image.width}×{image.height}"
        )
        if many:
            title += Content.styled(f"   {self.index + 1} of {len(self._images)}", "$text-dim")
        self.query_one("#title", Static).update(title)
        cost = self._costs.get(image.sha256)
        rows = [
            ("pixels", f"{image.width}×{image.height}"),
            *([("file", file)] if file else []),
            ("model", " · ".join(cost.words()) if cost else "has not seen it yet"),
            ("sha256", image.sha256[:16]),
            ("stored", image.path),
        ]
        facts = Content("\n").join(
            Content.assemble((f"{name:<8}", "$text-dim"), printable.line(value))
            for name, value in rows
        )
        self.query_one("#facts", Static).update(facts)

    def action_step(self, by: int) -> None:
        """Go to another picture; behind the last comes the first."""
        self.index = (self.index + by) % len(self._images)

    def action_end(self, index: int) -> None:
        self.index = index % len(self._images)

    def action_crop(self) -> None:
        self.dismiss(self.image)

    def action_toggle_facts(self) -> None:
        self.toggle_class("-facts")
        self.call_after_refresh(self._fit)

    def action_copy_path(self) -> None:
        self.app.copy_to_clipboard(self.image.path)
        self.notify("The path is on the clipboard", markup=False, timeout=3)
