"""One way of showing an answer that streams in, measured from inside its process.

    python -m bench.stream_app WAY RATE TOKENS RESULT.json

Ways: `vlmtui`, the whole application with a scripted engine and its database; `markdownstream`,
Textual's `Markdown.get_stream()` written to for each token; `typing`, the same above an input line;
`oterm`, which does that with a line of figures and a scroll for each token; `elia`, which renders
the whole text anew with Rich.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.markdown import Markdown as RichMarkdown
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Markdown, Static

_PARAGRAPH = (
    "The picture shows a **red** circle on the left and a *green* square on the right; the "
    "`canvas` behind them is light blue. "
)
_PIECES = (
    "## What stands where\n\n",
    _PARAGRAPH * 3 + "\n\n",
    "1. the circle, about a third of the height\n2. the square\n3. the space between them\n\n",
    _PARAGRAPH * 2 + "\n\n",
    "```python\nfor shape in shapes:\n    area = shape.width * shape.height\n"
    "    print(shape.name, area)\n```\n\n",
)


def tokens(count: int) -> list[str]:
    """Text in pieces of about four characters, as a model gives them."""
    text = "".join(_PIECES) * (count * 4 // len("".join(_PIECES)) + 1)
    return [text[i * 4 : i * 4 + 4] for i in range(count)]


class Probe:
    """CPU seconds and the worst lag of the event loop, for each quarter of the tokens."""

    def __init__(self, count: int, result: Path) -> None:
        self._marks = [count * quarter // 4 for quarter in range(5)]
        self._result = result
        self._cpu: list[float] = []
        self._lags: list[float] = []
        self._worst = 0.0

    def token(self, index: int) -> None:
        """A token is about to be given; may be called from any thread."""
        if index in self._marks:
            self._cpu.append(time.process_time())
            self._lags.append(self._worst)
            self._worst = 0.0

    async def watch(self) -> None:
        """Notice how late the loop comes back to something that is due."""
        while True:
            due = time.perf_counter() + 0.01
            await asyncio.sleep(0.01)
            self._worst = max(self._worst, time.perf_counter() - due)

    def write(self) -> None:
        """Leave the figures, those of the last rendering included."""
        quarters = [after - before for before, after in zip(self._cpu, self._cpu[1:], strict=False)]
        figures = {
            "cpu_s": quarters,
            "cpu_total_s": time.process_time() - self._cpu[0],
            "lag_s": self._lags[1:],
            "lag_at_end_s": self._worst,
        }
        self._result.write_text(json.dumps(figures))


class Plain(App[None]):
    """An application that shows nothing but the answer."""

    def __init__(self, rate: float, words: list[str], probe: Probe) -> None:
        super().__init__()
        self._rate = rate
        self._words = words
        self._probe = probe

    def on_mount(self) -> None:
        self.run_worker(self._probe.watch())
        self.run_worker(self._stream())

    async def _stream(self) -> None:
        await asyncio.sleep(0.5)
        began = time.perf_counter()
        for index, word in enumerate(self._words):
            self._probe.token(index)
            await asyncio.sleep(max(began + index / self._rate - time.perf_counter(), 0))
            await self.show(word)
        self._probe.token(len(self._words))
        await self.finish()
        await asyncio.sleep(1)
        self._probe.write()
        self.exit()

    async def show(self, word: str) -> None:
        """Show another token."""

    async def finish(self) -> None:
        """All tokens are there."""


class MarkdownStreamApp(Plain):
    """Textual's own way."""

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown()

    def on_mount(self) -> None:
        self.stream = Markdown.get_stream(self.query_one(Markdown))
        self.query_one(VerticalScroll).anchor()
        super().on_mount()

    async def show(self, word: str) -> None:
        await self.stream.write(word)

    async def finish(self) -> None:
        await self.stream.stop()


class TypingApp(MarkdownStreamApp):
    """Textual's own way, with something to type into."""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield Input()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()


class OtermApp(MarkdownStreamApp):
    """A stream, a line of figures and a scroll for each token."""

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown()
            yield Static()

    def on_mount(self) -> None:
        self.stream = Markdown.get_stream(self.query_one(Markdown))
        self._count = 0
        Plain.on_mount(self)

    async def show(self, word: str) -> None:
        column = self.query_one(VerticalScroll)
        follow = column.max_scroll_y - column.scroll_y <= 2
        await self.stream.write(word)
        self._count += 1
        self.query_one(Static).update(f"{self._count} tokens")
        if follow:
            column.scroll_end()


class WholeText(Widget):
    """Rich's markdown of all that is there."""

    DEFAULT_CSS = "WholeText { height: auto; }"
    text = ""

    def render(self) -> RichMarkdown:
        return RichMarkdown(self.text)


class EliaApp(Plain):
    """The whole text laid out anew for each token."""

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield WholeText()

    async def show(self, word: str) -> None:
        shown = self.query_one(WholeText)
        shown.text += word
        shown.refresh(layout=True)
        column = self.query_one(VerticalScroll)
        if column.max_scroll_y - column.scroll_y <= 3:
            column.scroll_end(animate=False)


def run_vlmtui(rate: float, words: list[str], probe: Probe) -> None:
    """The application itself, asked a question as soon as it is ready."""
    from vlmtui.chat.session import ChatSession
    from vlmtui.engine.engine_events import (
        Delta,
        Event,
        Finished,
        Loaded,
        ModelInfo,
        Planned,
        Stats,
    )
    from vlmtui.engine.engine_requests import Files, Generate, Load, Measure, Prepare
    from vlmtui.storage.chats import ChatStore
    from vlmtui.storage.database import Database
    from vlmtui.storage.images import ImageStore
    from vlmtui.ui.app import VlmtuiApp
    from vlmtui.ui.screens.chat.chat_screen import ChatScreen
    from vlmtui.ui.themes.theme_files import load_themes
    from vlmtui.ui.widgets.composer.composer import Composer

    class Engine:
        """Gives the tokens at their time."""

        pid = None
        info: ModelInfo | None = None

        def load(self, request: Load) -> Iterator[Event]:
            self.info = ModelInfo(
                name="bench", source=request.source, can=frozenset(["pictures"]),
                architecture="llama", description="scripted",
                parameters=1, size_bytes=1, context_size=32_768, context_trained=32_768,
                template="file",
            )  # fmt: skip
            yield Loaded(self.info)
            yield Finished("done")

        def measure(self, request: Measure) -> tuple[int, ...]:
            return ()

        def generate(self, request: Generate) -> Iterator[Event]:
            began = time.perf_counter()
            for index, word in enumerate(words):
                probe.token(index)
                time.sleep(max(began + index / rate - time.perf_counter(), 0))
                yield Delta(word, index + 1)
            probe.token(len(words))
            yield Finished("stop", Stats(prompt_tokens=10, generated_tokens=len(words)))

        def prepare(self, request: Prepare) -> Iterator[Event]:
            yield Finished("cancelled")

        def plan(self, request: Load) -> Planned:
            raise NotImplementedError  # the load is scripted: nothing is asked to fit

        def unload(self) -> None:
            """Nothing."""

        def cancel(self) -> None:
            """Nothing."""

        def conclude(self) -> None:
            """Nothing."""

        def abort(self) -> None:
            """Nothing."""

        def close(self) -> None:
            """Nothing."""

    class Measured(VlmtuiApp):
        """Asks by itself, and leaves when the answer is there."""

        def on_mount(self) -> None:
            super().on_mount()
            self.run_worker(probe.watch())
            self.run_worker(self._measure())

        async def _measure(self) -> None:
            await asyncio.sleep(1.5)
            composer = self.chat.query_one(Composer)
            composer.insert("What do you see?")
            composer.action_submit()
            await self._turn(begun=True)
            await self._turn(begun=False)
            await asyncio.sleep(1)
            probe.write()
            await self.action_quit()

        async def _turn(self, *, begun: bool) -> None:
            while self.chat.topics.busy != begun:
                await asyncio.sleep(0.1)

    with tempfile.TemporaryDirectory() as folder:
        store = ChatStore(Database(Path(folder) / "chats.db"))
        images = ImageStore(Path(folder) / "images")
        load = Load(Files("/bench.gguf"), name="bench")
        chat = ChatScreen(lambda: ChatSession(Engine(), store, images, load))
        Measured(chat, load_themes()).run()
        store.close()


def main() -> None:
    way, rate, count, result = sys.argv[1:5]
    words = tokens(int(count))
    probe = Probe(len(words), Path(result))
    apps = {
        "markdownstream": MarkdownStreamApp,
        "typing": TypingApp,
        "oterm": OtermApp,
        "elia": EliaApp,
    }
    if way == "vlmtui":
        run_vlmtui(float(rate), words, probe)
    else:
        apps[way](float(rate), words, probe).run()


if __name__ == "__main__":
    main()
