"""A chat on a scripted engine and a real database, and waiting for what a user would wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from textual.pilot import Pilot

from tests.fakes import LOAD, FakeEngine
from vlmtui.chat.available_models import AvailableModels
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_requests import Load
from vlmtui.hardware.base import Snapshot
from vlmtui.settings import PRESETS, Preset
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.ui.app import VlmtuiApp
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.themes.app_themes import AppThemes
from vlmtui.ui.themes.theme_files import LoadedThemes, load_themes

TIMEOUT = 60.0
"""Seconds to wait for what should be there at once: the machine may be busy with something else."""

SNAPSHOT = Snapshot(
    time=0.0,
    engine_rss_bytes=312_000_000,
    ram_total_bytes=8_000_000_000,
    ram_available_bytes=5_000_000_000,
    ui_rss_bytes=48_000_000,
)


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait until a condition holds; a test whose condition never does fails."""

    async def poll() -> None:
        while not condition():
            await pilot.pause(0.01)

    await asyncio.wait_for(poll(), TIMEOUT)
    await pilot.pause()


class WidgetHost(AppThemes):
    """An application around one widget."""


def without_chats() -> Memory:
    """A screen on which the list of chats was closed: its times aren't the same twice."""
    memory = Memory()
    memory.change(chats=False)
    return memory


class Stage:
    """Makes applications that share an engine, a database and a folder of pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = FakeEngine()
        self.database = Database(folder / "data" / "chats.db")
        self.store = ChatStore(self.database)
        self.images = ImageStore(folder / "data" / "images")
        self.sessions: list[ChatSession] = []
        self.available_models: Callable[[], AvailableModels] | None = None

    def session(self, *, continue_last: bool = False, load: Load = LOAD) -> ChatSession:
        chat = self.store.latest() if continue_last else None
        session = ChatSession(self.engine, self.store, self.images, load, chat=chat)
        self.sessions.append(session)
        return session

    def app(
        self,
        *,
        continue_last: bool = False,
        samples: tuple[Path, ...] = (),
        themes: LoadedThemes | None = None,
        theme: str = "vlmtui-dark",
        memory: Memory | None = None,
        keys: dict[str, str] | None = None,
        theme_directory: Path | None = None,
        presets: dict[str, Preset] | None = None,
    ) -> VlmtuiApp:
        for session in self.sessions:
            session.close()  # the last application has ended, and its engine with it
        chat = ChatScreen(
            lambda: self.session(continue_last=continue_last),
            model="fake",
            log=Path("/state/engine.log"),
            samples=samples,
            memory=memory if memory is not None else without_chats(),
            continues=continue_last,
        )
        chat.presets = {**PRESETS, **(presets or {})}
        if self.available_models is not None:
            chat.open_available_models = self.available_models
        return VlmtuiApp(
            chat,
            themes or load_themes(theme_directory),
            theme=theme,
            theme_directory=theme_directory,
            keys=keys,
            config=Path("/config/config.toml"),
        )

    def picture(self, name: str = "scene.png", size: tuple[int, int] = (96, 64)) -> Path:
        """A red circle on the left, a green square on the right."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", size, "#88bbee")
        draw = ImageDraw.Draw(image)
        width, height = size
        draw.ellipse((width // 12, height // 4, width // 2.4, height // 1.3), fill="#d02020")
        draw.rectangle((width // 1.8, height // 3, width // 1.1, height // 1.2), fill="#208040")
        image.save(path)
        return path


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TMUX", raising=False)  # its buffers are the developer's
    made = Stage(folder)
    yield made
    for session in made.sessions:
        session.close()
    made.store.close()


def screen_of(pilot: Pilot[int]) -> ChatScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, ChatScreen)
    return screen


async def ready(pilot: Pilot[int]) -> ChatScreen:
    """The chat, with its model loaded and everything in its place."""
    screen = screen_of(pilot)
    await until(pilot, lambda: screen.engine_state.info is not None and screen.query("SidePane"))
    await until(pilot, lambda: screen.query("Hint"))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return screen


async def type_text(pilot: Pilot[int], text: str) -> None:
    """Type as a terminal would send it."""
    keys = {"\n": "ctrl+j", " ": "space"}
    await pilot.press(*(keys.get(character, character) for character in text))


async def say(pilot: Pilot[int], text: str) -> None:
    """Write a message and send it."""
    screen_of(pilot).prompt.text = text
    await pilot.press("enter")


async def answered(pilot: Pilot[int]) -> None:
    """The turn is over, and what it brought is on the screen."""
    screen = screen_of(pilot)
    await until(pilot, lambda: not screen.topics.busy)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def ask(pilot: Pilot[int], text: str) -> None:
    """Send a message, and wait until its turn is over."""
    await say(pilot, text)
    await answered(pilot)


def shown(pilot: Pilot[int]) -> str:
    """What stands on the screen, line by line."""
    compositor = pilot.app.screen._compositor
    return "\n".join(strip.text.rstrip() for strip in compositor.render_strips())
