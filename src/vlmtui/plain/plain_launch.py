"""Putting the plain chat together from the settings, and running it."""

from __future__ import annotations

import gc
import io
import sys
import threading
from collections.abc import Sequence
from functools import partial

from vlmtui.chat.chat_runtime import ChatRuntime
from vlmtui.commands import parsing, specs, verbs
from vlmtui.commands.context import CommandContext
from vlmtui.compose import completion
from vlmtui.endings import HUNG_UP, ended_by_signals, undisturbed
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import VlmtuiError
from vlmtui.hardware.monitor import Monitor
from vlmtui.plain.console import Console
from vlmtui.plain.line_reader import LineReader
from vlmtui.plain.plain_chat import PlainChat
from vlmtui.plain.printer import Printer
from vlmtui.settings import PRESETS, Settings


def launch(settings: Settings, load: Load, *, continue_last: bool = False) -> int:
    """Talk line by line until the input ends or the user leaves.

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
    console = Console(context, Printer(), LineReader(partial(_complete, context)))
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


def _complete(context: CommandContext, before: str, word: str) -> Sequence[str]:
    """What the last word of a line, up to the cursor, could become."""
    if before.startswith("/") and " " not in before:
        return [f"/{spec.name} " for spec in specs.beginning_with(before, "lines")]
    command = parsing.parse(before)
    name = command.name if command is not None else ""
    sign = "@" if word.startswith("@") else ""
    if sign or name in ("image", "pick", "import", "export"):
        return [
            sign + completion.spell(found.path, "", whole=True)
            for found in completion.candidates(word.removeprefix(sign))
        ]
    return [f"{each} " for each in _arguments(context, name) if each.startswith(word)]


def _arguments(context: CommandContext, name: str) -> Sequence[str]:
    if name == "help":
        return [spec.name for spec in specs.of("lines")]
    spec = specs.find("model" if name == "compare" else name)  # whose words are models, too
    if spec is None or not spec.choices or spec.only == "screen":
        return []
    try:
        return [choice.value for choice in verbs.choices(spec, context)]
    except VlmtuiError:
        return []  # the command itself tells, when it is given
