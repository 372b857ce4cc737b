"""The terminal that Textual draws on, made to survive its own end.

When a terminal goes away (a closed window, a lost SSH connection), writing to it fails. That kills
Textual's writing thread, its queue fills up, and the application hangs before it could save all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from typing import TextIO


class HangupSafe:
    """A text file whose writes are lost, not failing, once its terminal has gone."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write as far as there is somebody to read it."""
        with suppress(OSError):
            return self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush likewise."""
        with suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class TerminalDriver(LinuxDriver):
    """Textual's driver on a `HangupSafe` file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = HangupSafe(self._file)  # type: ignore[assignment, arg-type]
