"""A part of a picture is chosen by a frame, with keys or the mouse."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from vlmtui import printable
from vlmtui.engine.images.crops import Box
from vlmtui.messages import ImagePart
from vlmtui.ui.screens.full_screen_picture import FullScreenPicture
from vlmtui.ui.widgets.pictures import crop_frame
from vlmtui.ui.widgets.pictures.framed_picture import FramedPicture

_ZOOM = 1.25


class CropScreen(FullScreenPicture[Box]):
    """Enter returns the part that is in the frame, Escape nothing."""

    hints = (
        ("Enter", "attach"),
        ("←↑↓→", "move"),
        ("Shift+←↑↓→", "size"),
        ("+ -", "larger, smaller"),
        ("f", "fine"),
        ("mouse", "draw or move"),
        ("Esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f7", "dismiss", "Back, without a part", id="crop.close"),
        Binding("enter", "take", "Attach what is in the frame", id="crop.take"),
        Binding("left,h", "move(-1, 0)", "Move left", id="crop.left"),
        Binding("right,l", "move(1, 0)", "Move right", id="crop.right"),
        Binding("up,k", "move(0, -1)", "Move up", id="crop.up"),
        Binding("down,j", "move(0, 1)", "Move down", id="crop.down"),
        Binding("shift+left,H", "size(-1, 0)", "Narrower", id="crop.narrower"),
        Binding("shift+right,L", "size(1, 0)", "Wider", id="crop.wider"),
        Binding("shift+up,K", "size(0, -1)", "Lower", id="crop.lower"),
        Binding("shift+down,J", "size(0, 1)", "Higher", id="crop.higher"),
        Binding("plus,equals_sign", "scale(1)", "Larger", id="crop.larger"),
        Binding("minus", "scale(-1)", "Smaller", id="crop.smaller"),
        Binding("f", "fine", "By single pixels, or by cells", id="crop.fine"),
    ]

    def __init__(self, image: ImagePart) -> None:
        self._framed = FramedPicture(image)
        super().__init__(self._framed)
        self._image = image
        self._fine = False

    def on_mount(self) -> None:
        """Tell of the frame whatever moves it."""
        self.watch(self._framed, "frame", self._describe)

    def _describe(self) -> None:
        frame, image = self._framed.frame, self._image
        of = f" of {image.width}×{image.height}"
        fine = "   by single pixels" if self._fine else ""
        numbers = f"{frame.width}×{frame.height} at {frame.x},{frame.y}"
        room = max(8, self.size.width - len(numbers) - len(of) - len(fine) - 4)
        title = Content.assemble(
            (printable.line(image.name, room), "bold"),
            "  ",
            (numbers, "$accent"),
            (of + fine, "$text-dim"),
        )
        self.query_one("#title", Static).update(title, layout=False)

    def action_take(self) -> None:
        self.dismiss(self._framed.frame)

    def action_move(self, right: int, down: int) -> None:
        wide, high = self._step
        self._framed.frame = crop_frame.moved(
            self._framed.frame, self._whole, right * wide, down * high
        )

    def action_size(self, wider: int, higher: int) -> None:
        """Move the frame's right or lower edge by a step."""
        wide, high = self._step
        self._framed.frame = crop_frame.sized(
            self._framed.frame, self._whole, wider * wide, higher * high
        )

    def action_scale(self, direction: int) -> None:
        """Make the frame larger or smaller around its middle."""
        factor = _ZOOM**direction
        self._framed.frame = crop_frame.zoomed(self._framed.frame, self._whole, factor)

    def action_fine(self) -> None:
        """Go by single pixels, or by cells again."""
        self._fine = not self._fine
        self._describe()

    @property
    def _whole(self) -> tuple[int, int]:
        return self._image.width, self._image.height

    @property
    def _step(self) -> tuple[int, int]:
        return (1, 1) if self._fine else self._framed.step
