"""Where the plain chat's lines come from: a terminal with editing and history, or a script."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

_YES = ("y", "yes")
_NO = ("n", "no", "")


class Lines:
    """Reads messages; a backslash at the end of a line goes on with the next one."""

    def __init__(self, complete: Callable[[str, str], Sequence[str]] | None = None) -> None:
        """Prepare.

        Args:
            complete: Gives what Tab may put in the place of a word, from the line up to the cursor
                and the word; only asked on a terminal.
        """
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        self._put_back: str | None = None
        self._reading = False
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # a stray byte is no reason to end
        if self.interactive:
            _edit_lines(complete)

    def read(self, prompt: str, begun: str = "") -> str | None:
        """The next message; None when there is no more.

        Args:
            prompt: Stands before it on a terminal.
            begun: What stands in the line already, on a terminal.

        Raises:
            KeyboardInterrupt: Ctrl+C.
        """
        lines: list[str] = []
        while True:
            line = self._line(prompt if not lines else "... ", begun)
            begun = ""
            if line is None:
                return "\n".join(lines) if lines else None
            if not line.endswith("\\"):
                return "\n".join([*lines, line])
            lines.append(line[:-1])

    def confirm(self, question: Callable[[str], object], text: str) -> bool:
        """Ask whether something shall be done.

        In a script the next line is the answer if it is one, and else the next message: nothing
        is swallowed, and nothing is done that nobody said yes to.

        Args:
            question: Prints the question.
            text: The question, without the ways to answer it.
        """
        while True:
            question(f"{text} (y or n)")
            line = self._line("y/n> ")
            word = (line or "").strip().lower()
            if word in _YES or word in _NO:
                return word in _YES
            if not self.interactive:
                self._put_back = line
                return False

    def pending(self) -> str:
        """What stands in a line that was not sent; empty where that can't be known."""
        if not self._reading:
            return ""
        try:
            import readline
        except ImportError:
            return ""
        return readline.get_line_buffer()

    def _line(self, prompt: str, begun: str = "") -> str | None:
        if self._put_back is not None:
            line, self._put_back = self._put_back, None
            return line
        if not self.interactive:
            return _typed("")  # a script's output needs no prompts between its answers
        self._reading = True
        try:
            with _begun(begun):
                typed = _typed(prompt)
        except KeyboardInterrupt:
            self._reading = False
            raise
        self._reading = False
        return typed


def _typed(prompt: str) -> str | None:
    try:
        return input(prompt)
    except (EOFError, OSError):  # the end, or the terminal has gone
        return None


@contextmanager
def _begun(text: str) -> Iterator[None]:
    """Have a line begin with something that can be changed."""
    try:
        import readline
    except ImportError:
        yield
        return
    if text:
        readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        yield
    finally:
        readline.set_startup_hook(None)


def _edit_lines(complete: Callable[[str, str], Sequence[str]] | None) -> None:
    """Have the terminal's lines edited by readline, where Python has it."""
    try:
        import readline
    except ImportError:
        return
    readline.set_auto_history(True)
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
