"""Where the plain chat's lines come from: a terminal with editing and history, or a script."""

from __future__ import annotations

import codecs
import io
import locale
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from vlmtui.errors import InputError

_YES = ("y", "yes")
_NO = ("n", "no", "")
_LONGEST = 1 << 24
"""Characters of a message: no context has room for as many."""

_LOOK_SECONDS = 1.0
_HEARD_SECONDS = 0.3
"""A signal that has not ended the line by then was not heard."""

_NUL = "␀"
"""How a NUL is shown, here as on the screen."""


class LineReader:
    """Reads messages; a backslash at the end of a line goes on with the next one.

    Attributes:
        interactive: A person types.
        typed: Called with the line as it stands, at most once a second while it is typed.
    """

    def __init__(self, complete: Callable[[str, str], Sequence[str]] | None = None) -> None:
        """Prepare; on a terminal `complete` gives what Tab may put in the place of a word.

        It gets the line up to the cursor, and the word.
        """
        self.interactive = sys.stdin.isatty()
        self._edited = self.interactive and sys.stdout.isatty() and _has_readline()
        self.typed: Callable[[str], object] = lambda text: None
        self._put_back: str | None = None
        self.pending = ""
        """What stood in a message that nobody has sent, when it was looked at last."""

        self._above: list[str] = []
        """Its lines above the one that is typed."""

        if isinstance(sys.stdin, io.TextIOWrapper):
            # in an ASCII locale, too, it is UTF-8; a stray byte is no reason to end
            ascii_only = codecs.lookup(sys.stdin.encoding).name == "ascii"
            encoding = "utf-8" if ascii_only else sys.stdin.encoding
            sys.stdin.reconfigure(encoding=encoding, errors="replace")
        if self._edited:
            _edit_lines(complete)

    def read(self, prompt: str, begun: str = "") -> str | None:
        """The next message; None when there is no more.

        On a terminal `prompt` stands before it, and `begun` in the line already.

        Raises:
            KeyboardInterrupt: Ctrl+C.
            InputError: There is nothing that can be read.
        """
        self._above.clear()
        length = 0
        while True:
            line = self._line("... " if self._above else prompt, begun)
            begun = ""
            if line is not None and line.endswith("\\"):
                self._above.append(line[:-1])
                length += len(line)
                if length > _LONGEST:
                    raise _endless()
                if self._edited:
                    self.pending = "\n".join(self._above)
                continue
            if line is None and self._edited and _terminal_gone():
                return None  # what was written is pending
            lines = self._above if line is None else [*self._above, line]
            self._above, self.pending = [], ""
            return "\n".join(lines) if lines else None

    def confirm(self, question: Callable[[str], object], text: str) -> bool:
        """Ask whether something shall be done; `question` prints that.

        In a script the next line is the answer if it is one, and else the next message: nothing
        is swallowed, and nothing is done that nobody said yes to.
        """
        while True:
            question(f"{text} (y or n)")
            line = self._line("y/n> ")
            if self._edited:
                _forget(line)
            word = (line or "").strip().lower()
            if word in _YES or word in _NO:
                return word in _YES
            if not self.interactive:
                self._put_back = line
                return False

    def _line(self, prompt: str, begun: str = "") -> str | None:
        if self._put_back is not None:
            line, self._put_back = self._put_back, None
            return line
        if not self._edited:
            return self._read_on(prompt)
        try:
            with _begun(begun), self._looked_at():
                typed = _typed(prompt)
        except KeyboardInterrupt:
            self.pending = ""
            raise
        if typed is not None and _terminal_gone():  # to readline that is Enter
            self.pending = self._with_above(typed)
            return None
        if typed is not None:
            self.pending = ""
        return typed

    @contextmanager
    def _looked_at(self) -> Iterator[None]:
        """Look at the line once a second: readline throws it away when its terminal goes away.

        From a thread, and not by an alarm: where two signals come at once, CPython handles the
        second while the exception of the first is set, and `input` ends with an internal error.

        The thread also sends on a signal that did not wake `input`: it came just before that began
        to wait, or to another thread, and would count only at the next key.
        """
        import readline

        came, told = os.pipe()
        os.set_blocking(told, False)

        before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        looking = threading.Thread(
            target=self._look, args=(came, threading.get_ident()), name="vlmtui-line", daemon=True
        )
        looking.start()
        try:
            yield
        except SystemExit:  # of a signal that leaves the line as it is
            if line := readline.get_line_buffer():
                self.pending = self._with_above(line)
            raise
        finally:
            try:
                signal.set_wakeup_fd(before)
            finally:
                os.close(told)  # ends the thread, even where Ctrl+C cuts short what follows
            looking.join()

    def _look(self, came: int, reader: int) -> None:
        """Look at the line, and at the signals that have come to a pipe, until it is closed."""
        import readline

        unheard: set[int] = set()
        try:
            while True:
                timeout = _HEARD_SECONDS if unheard else _LOOK_SECONDS
                if select.select([came], [], [], timeout)[0]:
                    numbers = os.read(came, 64)
                    if not numbers:  # the line has ended
                        return
                    unheard.update(numbers)
                    continue
                for number in unheard:
                    signal.pthread_kill(reader, number)
                unheard.clear()
                text = self._with_above(readline.get_line_buffer())
                if text != self.pending and not _terminal_gone():  # else readline emptied it
                    self.pending = text
                    self.typed(text)
        finally:
            os.close(came)

    def _with_above(self, line: str) -> str:
        return "\n".join([*self._above, line])

    def _read_on(self, prompt: str) -> str | None:
        """A line without editing; the prompt stays out of what a script takes for answers."""
        if self.interactive:
            with suppress(OSError):
                sys.stderr.write(prompt)
                sys.stderr.flush()
        try:
            line = sys.stdin.readline(_LONGEST + 1)
        except OSError as error:
            if self.interactive:  # the terminal has gone
                return None
            raise InputError(
                f"Standard input can't be read: {error.strerror}",
                "Name a file: vlmtui --plain < FILE. nohup takes the terminal away as input.",
            ) from error
        if len(line) > _LONGEST:
            raise _endless()
        # a NUL is no part of any path, and libraries end a text there
        return line.removesuffix("\n").replace("\0", _NUL) if line else None


def _terminal_gone() -> bool:
    """Whether the terminal has hung up; that is seen before its signal comes, or without one."""
    ends = select.poll()
    ends.register(sys.stdin, 0)
    return bool(ends.poll(0))


def _endless() -> InputError:
    return InputError(
        f"A line of standard input is longer than {_LONGEST:,} characters",
        "Ask about a part of it.",
    )


def _typed(prompt: str) -> str | None:
    try:
        return input(prompt)
    except (EOFError, OSError):  # the end, or the terminal has gone
        return None


@contextmanager
def _begun(text: str) -> Iterator[None]:
    """Have a line begin with something that can be changed."""
    import readline

    if text:
        readline.set_startup_hook(lambda: readline.insert_text(_takable(text)))
    try:
        yield
    finally:
        readline.set_startup_hook(None)


def _edit_lines(complete: Callable[[str, str], Sequence[str]] | None) -> None:
    import readline

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


def _forget(line: str | None) -> None:
    """Have Up not bring back an answer to a question."""
    import readline

    last = readline.get_current_history_length()
    if line and last and readline.get_history_item(last) == line:
        readline.remove_history_item(last - 1)


def remember(texts: Sequence[str]) -> None:
    """Offer earlier messages, the oldest first, on Up, where Python has readline."""
    if _has_readline():
        import readline

        for text in texts:
            readline.add_history(_takable(text))


def _has_readline() -> bool:
    try:
        import readline  # noqa: F401 - not every Python has it
    except ImportError:
        return False
    return True


def _takable(text: str) -> str:
    """What readline takes of a text: no NUL, and only what the terminal's encoding has."""
    encoding = locale.getpreferredencoding(False)
    return text.replace("\0", _NUL).encode(encoding, "replace").decode(encoding)
