"""Putting the application together from the settings, and running it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from vlmtui import paths
from vlmtui.chat.session import ChatSession
from vlmtui.engine.base import Load, Sampling
from vlmtui.engine.client import EngineClient
from vlmtui.errors import InputError
from vlmtui.hardware.base import Snapshot
from vlmtui.models import library
from vlmtui.settings import Settings
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.ui.app import MonitorLike, VlmtuiApp
from vlmtui.ui.themes import load_themes


def launch(
    settings: Settings,
    *,
    model: str | None = None,
    mmproj: str | None = None,
    continue_last: bool = False,
) -> int:
    """Open the chat and stay until the user leaves it.

    Args:
        settings: The user's settings.
        model: Name or path of a model, instead of the one in the settings.
        mmproj: Path of its projector.
        continue_last: Go on with the last chat.

    Returns:
        The exit code of the process.

    Raises:
        InputError: There is no terminal, or no such model.
        StorageError: The chats can't be opened.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError("The chat needs a terminal", "Use `vlmtui ask` in scripts and pipes.")
    load = load_request(settings, model, mmproj)
    engine = EngineClient(paths.engine_log_path())
    database = Database(paths.database_path())
    try:
        store = ChatStore(database)
        session = ChatSession(
            engine,
            store,
            ImageStore(paths.images_dir()),
            load,
            sampling=sampling(settings),
            system=settings.system,
            chat=store.latest() if continue_last else None,
        )
        try:
            app = make_app(session, settings, load, lambda: engine.pid)
            return app.run() or app.return_code or 0
        finally:
            session.close()
    finally:
        database.close()


def load_request(settings: Settings, model: str | None, mmproj: str | None) -> Load:
    """What the engine is asked to load.

    Raises:
        ModelNotFound: There is no such model.
    """
    if model is None:
        model, mmproj = settings.model, mmproj or settings.mmproj
    installed = library.resolve(model, mmproj)
    return Load(
        model=str(installed.path),
        mmproj=str(installed.mmproj) if installed.mmproj is not None else None,
        name=installed.name,
        ctx=settings.ctx,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
    )


def sampling(settings: Settings) -> Sampling:
    """How the settings want the next token chosen."""
    return Sampling(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        repeat_penalty=settings.repeat_penalty,
        max_tokens=settings.max_tokens,
    )


def make_app(
    session: ChatSession, settings: Settings, load: Load, pid: Callable[[], int | None]
) -> VlmtuiApp:
    """The application on a session.

    Args:
        session: The conversation.
        settings: The user's settings.
        load: What will be loaded.
        pid: Tells the process id of the engine, for the figures of its memory.
    """

    def monitor(on_snapshot: Callable[[Snapshot], None]) -> MonitorLike:
        from vlmtui.hardware.monitor import Monitor  # psutil: not needed for the first paint

        return Monitor(pid, on_snapshot)

    return VlmtuiApp(
        session,
        monitor=monitor,
        loaded_themes=load_themes(paths.config_dir() / "themes"),
        theme=settings.theme,
        model=load.name,
        log=paths.engine_log_path(),
        samples=_samples() if load.name == library.DEMO else (),
    )


def _samples() -> tuple[Path, ...]:
    from vlmtui import demo

    return tuple(demo.sample_images())
