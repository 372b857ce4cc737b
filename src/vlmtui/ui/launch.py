"""Putting the application together from the settings, and running it.

What stands behind the screen (the database, the engine's client) is imported and opened in a thread
while the screen is already there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui import paths, printable
from vlmtui.chat.chat_runtime import ChatRuntime, engine_log
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import InputError, StorageError
from vlmtui.settings import PRESETS, Settings
from vlmtui.terminal import environment
from vlmtui.terminal.screen_stderr import stderr_in
from vlmtui.ui.app import VlmtuiApp
from vlmtui.ui.remembered import memory
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.themes.theme_files import DEFAULT, MONOCHROME, load_themes

if TYPE_CHECKING:
    from vlmtui.hardware.base import Snapshot
    from vlmtui.hardware.monitor import Monitor


def launch(
    settings: Settings, load: Load, *, continue_last: bool = False, images: str | None = None
) -> int:
    """Open the chat and stay until the user leaves it; returns the exit code of the process.

    `images` says how pictures are shown, instead of the settings.

    Raises:
        InputError: There is no terminal, or one that can show no screen.
        StorageError: There is no place for chats, not even for one that isn't saved.
    """
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream is not None and stream.isatty() for stream in streams):
        raise InputError(
            "The chat needs a terminal",
            "In scripts and pipes use `vlmtui --plain` or `vlmtui ask`.",
        )
    environment.check()
    environment.settle_size()
    with stderr_in(_library_log()):
        return _run(settings, load, continue_last, images)


def _run(settings: Settings, load: Load, continue_last: bool, images: str | None) -> int:
    runtime = ChatRuntime(settings, load, continue_last)
    try:
        app = make_app(runtime, settings, images=images)
        code = app.run()
        if app.failure is not None:
            raise app.failure
        code = code or app.return_code or 0
        if (refused := app.chat.conversation.refused) is not None:
            print(printable.prose(f"{refused.message}\n{refused.hint}"))
        if not code and app.farewell:
            print(app.farewell)
        return code
    finally:
        runtime.close()


def _library_log() -> Path | None:
    """Where what libraries print goes while the screen is drawn."""
    with suppress(StorageError):
        return paths.library_log_path()
    return None


def make_app(runtime: ChatRuntime, settings: Settings, *, images: str | None = None) -> VlmtuiApp:
    """The application before what stands behind it: it opens `runtime` once it is on the screen."""

    def monitor(on_snapshot: Callable[[Snapshot], None]) -> Monitor:
        from vlmtui.hardware.monitor import Monitor  # psutil: not needed for the first paint

        return Monitor(runtime.pid, on_snapshot)

    themes = paths.config_path().parent / "themes"  # need not exist
    remembered = memory()
    first = {settings.theme, remembered.value.theme or "", DEFAULT, MONOCHROME}
    chat = ChatScreen(
        runtime.open,
        model=runtime.load.name,
        log=engine_log(),
        samples=tuple(runtime.samples),
        memory=remembered,
        continues=runtime.continue_last,
    )
    chat.presets = {**PRESETS, **settings.presets}
    chat.open_available_models = runtime.available_models
    return VlmtuiApp(
        chat,
        load_themes(themes, shipped=first),
        monitor=monitor,
        theme=settings.theme,
        theme_directory=themes,
        keys=settings.keys,
        config=paths.config_path(),
        images=images or settings.images,
        finish_seconds=settings.finish_after_hangup * 60,
    )
