"""What an empty chat shows: what is there, and how to begin."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable
from vlmtui.paths import shown
from vlmtui.ui import completion, units
from vlmtui.ui.figures import Figures, Phase

LOGO = ("╻ ╻╻  ┏┳┓╺┳╸╻ ╻╻", "┃┏┛┃  ┃┃┃ ┃ ┃ ┃┃", "┗┛ ┗━╸╹ ╹ ╹ ┗━┛╹")


class Welcome(Widget):
    """The first screen. Names a sample picture to try when there is one."""

    DEFAULT_CSS = """
    Welcome {
        width: 1fr;
        height: auto;
        padding: 1 2;
    }
    """

    figures: reactive[Figures] = reactive(Figures())
    sample: reactive[Path | None] = reactive[Path | None](None, layout=True)

    def render(self) -> Content:
        """Logo, model, and three ways to begin."""
        lines = [
            *(Content.styled(line, "$primary") for line in LOGO),
            Content(""),
            self._model(),
            Content(""),
            _way("@path", "anywhere in a message attaches a picture; Tab completes the path"),
            _way("Ctrl+O", "looks for pictures in directories"),
            _way("F1", "lists all keys and commands; Ctrl+P finds them"),
        ]
        if self.sample is not None:
            path = printable.line(completion.spell(shown(self.sample), "", whole=True))
            lines += [
                Content(""),
                Content.assemble(
                    ("Try it  ", "bold"),
                    (f"@{path}", "$accent"),
                    (" What is in this picture?", ""),
                ),
                Content.styled("        or type /sample", "$text-dim"),
            ]
        return Content("\n").join(lines)

    def _model(self) -> Content:
        figures = self.figures
        name = printable.line(figures.model, 50) or "the model"
        if figures.info is not None:
            info = figures.info
            about = f"{printable.line(info.description, 60)}, {units.size(info.size_bytes)}"
            sight = "" if info.vision else " · text only"
            return Content.assemble(
                ("● ", "$success"), (name, "bold"), (f"  {about}{sight}", "$text-dim")
            )
        if figures.phase is Phase.ABSENT:
            return Content.assemble(("● ", "$error"), (f"{name} is not loaded", ""))
        return Content.assemble(("● ", "$warning"), (f"{figures.label()}: {name}", ""))


def _way(key: str, what: str) -> Content:
    return Content.assemble((f"{key:<8}", "bold $accent"), (what, ""))
