"""Putting the plain chat together from the settings, and running it."""

from __future__ import annotations

import gc
import io
import sys
import threading
from functools import partial

from vlmtui.chat.chat_runtime import ChatRuntime
from vlmtui.commands.context import CommandContext
from vlmtui.endings import HUNG_UP, ended_by_signals, undisturbed
from vlmtui.engine.engine_requests import Load
from vlmtui.hardware.monitor import Monitor
from vlmtui.plain.completing import complete
from vlmtui.plain.console import Console
from vlmtui.plain.line_reader import LineReader
from vlmtui.plain.plain_chat import PlainChat
from vlmtui.plain.printer import Printer
from vlmtui.settings import PRESETS, Settings


def launch(settings: Settings, load: Load, *, continue_last: bool = False) -> int:
    """Talk line by line until the input ends or the user leaves.

    Args:
        settings: The user's settings.
        load: The model to begin with.
        continue_last: Go on with the last chat.

    Returns:
        The exit code of the process: 1 when something failed that a script asked for.

    Raises:
        StorageError: There is no place for chats, not even for one that isn't saved.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where the locale has no “…”
    gc.enable()  # off since `__main__`
    runtime = ChatRuntime(settings, load, continue_last)
    with ended_by_signals(by_hand=sys.stdin.isatty()):
        try:
            return _talk(runtime, settings)
        except SystemExit as ending:
            if ending.code == HUNG_UP:
                runtime.finish()
            raise
        finally:
            with undisturbed():
                runtime.close()


def _talk(runtime: ChatRuntime, settings: Settings) -> int:
    presets = {**PRESETS, **settings.presets}
    context = CommandContext(runtime.open(), runtime.available_models(), presets, runtime.samples)
    console = Console(context, Printer(), LineReader(partial(complete, context)))
    chat = PlainChat(console)
    monitor = Monitor(runtime.pid, console.measuring.take)
    monitor.start()
    threading.Thread(target=console.load_ahead, daemon=True).start()
    try:
        return chat.run()
    finally:
        with undisturbed():
            monitor.stop()
            chat.keep()
