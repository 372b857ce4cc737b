"""Where the plain chat's lines come from: a terminal with editing and history, or a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

_LONGEST_HISTORY = 500


class Lines:
    """Reads messages; a backslash at the end of a line goes on with the next one."""

    def __init__(self, complete: Callable[[str, str], Sequence[str]] | None = None) -> None:
        """Prepare.

        Args:
            complete: Gives what Tab may put in the place of a word, from the line up to the cursor
                and the word; only asked on a terminal.
        """
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        if self.interactive:
            _edit_lines(complete)

    def read(self, prompt: str) -> str | None:
        """The next message; None when there is no more.

        Raises:
            KeyboardInterrupt: Ctrl+C.
        """
        lines: list[str] = []
        while True:
            try:
                # a script's output needs no prompts between its answers
                line = input((prompt if not lines else "... ") if self.interactive else "")
            except EOFError:
                return "\n".join(lines) if lines else None
            if not line.endswith("\\"):
                return "\n".join([*lines, line])
            lines.append(line[:-1])


def _edit_lines(complete: Callable[[str, str], Sequence[str]] | None) -> None:
    """Have the terminal's lines edited by readline, where Python has it."""
    try:
        import readline
    except ImportError:
        return
    readline.set_history_length(_LONGEST_HISTORY)
    if complete is None:
        return
    found: list[str] = []

    def candidate(word: str, index: int) -> str | None:
        if index == 0:
            found[:] = complete(readline.get_line_buffer()[: readline.get_endidx()], word)
        return found[index] if index < len(found) else None

    readline.set_completer(candidate)
    readline.set_completer_delims(" \t\n")
    with suppress(ValueError):
        readline.parse_and_bind("tab: complete")


def remember(texts: Sequence[str]) -> None:
    """Offer earlier messages, the oldest first, on Up."""
    with suppress(ImportError):
        import readline

        for text in texts:
            readline.add_history(text)
