"""What an empty chat shows: what is there, and how to begin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from vlmtui import printable, units
from vlmtui.compose import completion
from vlmtui.paths import shown
from vlmtui.stats.engine_state import EngineState, Phase
from vlmtui.ui.keys import keymap

_KEY = 8
_TRY = "What is in this picture?"

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

    engine_state: reactive[EngineState] = reactive(EngineState())
    sample: reactive[Path | None] = reactive[Path | None](None, layout=True)

    def __init__(self) -> None:
        super().__init__()
        self._room = 0
        self._more: tuple[tuple[str, str], ...] = ()

    @property
    def _sees(self) -> bool:
        """Whether the model sees pictures, as far as is known."""
        return self.engine_state.info is None or self.engine_state.info.vision

    def watch_engine_state(self, before: EngineState, after: EngineState) -> None:
        """Speak of pictures only where the model sees them."""
        if before.info != after.info:
            self.refresh(layout=True)

    def offer(self, ways: Sequence[tuple[str, str]]) -> None:
        """Name what is there to go on with, each by its key and what that does."""
        if self._more != tuple(ways):
            self._more = tuple(ways)
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self._room = container.height - self.gutter.height
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        """Logo, model, and ways to begin; on a low screen first the logo goes, then the sample."""
        logo = [Content.styled(line, "$primary") for line in LOGO]
        pick, model, helps, palette = (
            keymap.keys_of(self.app, name, key)
            for name, key in (
                ("chat.pick", "ctrl+o"),
                ("chat.model", "f2"),
                ("app.help", "f1"),
                ("app.palette", "ctrl+p"),
            )
        )
        ways = [
            *_way(model, f"chooses another model{self._peculiar()}", width),
            *_way(helps, f"lists keys and commands; {palette} finds them", width),
        ]
        if self._sees:
            attaching = [
                *_way("@path", "attaches a picture; Tab completes the path", width),
                *_way(pick, "looks for pictures, with a preview", width),
            ]
            ways = [*attaching, *ways]
        more = [
            line
            for key, what in self._more
            if self._sees or not key.startswith("@")
            for line in _way(key, printable.line(what), width)
        ]
        trying = self._try(width)
        parts = [part for part in (logo, [self._model()], ways, trying, more) if part]
        fewer = [part for part in parts[1:] if not more or part is not trying]
        for some in (parts, parts[1:], fewer):
            spaced = [line for part in some for line in (*part, Content(""))][:-1]
            if len(spaced) <= self._room:
                return spaced
        return [line for part in fewer for line in part]

    def _peculiar(self) -> str:
        if self.engine_state.model == "demo":
            return "; this one knows only drawn shapes"
        return "" if self._sees else "; this one doesn't see pictures"

    def _try(self, width: int) -> list[Content]:
        if self.sample is None or not self._sees:
            return []
        head = Content.styled(f"{'Try it':<{_KEY}}", "bold")
        path = printable.line(completion.spell(shown(self.sample), "", whole=True))
        if _KEY + len(f"@{path} {_TRY}") <= width:
            return [
                head + Content.assemble((f"@{path}", "$accent"), f" {_TRY}"),
                Content.styled(" " * _KEY + "or type /sample", "$text-dim"),
            ]
        return [head + Content.assemble(("/sample", "$accent"), f", then: {_TRY}")]

    def _model(self) -> Content:
        engine_state = self.engine_state
        name = printable.line(engine_state.model, 50) or "the model"
        if engine_state.info is not None:
            info = engine_state.info
            size = f", {units.size(info.whole_bytes)}" if info.whole_bytes else ""
            about = f"{printable.line(info.description, 60)}{size}"
            sight = "" if info.vision else " · text only"
            return Content.assemble(
                ("● ", "$success"), (name, "bold"), (f"  {about}{sight}", "$text-dim")
            )
        if engine_state.phase is Phase.ABSENT:
            return Content.assemble(("● ", "$error"), (f"{name} is not loaded", ""))
        return Content.assemble(("● ", "$warning"), (f"{engine_state.label()}: {name}", ""))


def _way(key: str, what: str, width: int) -> list[Content]:
    """A key and what it does, wrapped in a column of its own."""
    lines = Content(what).wrap(max(width - _KEY, 10))
    heads = [Content.styled(f"{key:<{_KEY}}", "bold $accent"), *[Content(" " * _KEY)] * len(lines)]
    return [head + line.rstrip() for head, line in zip(heads, lines, strict=False)]
