"""Entry of the program. Imports next to nothing, so that Ctrl+C is caught as early as it can be."""

from __future__ import annotations

import gc
import os
import sys


def main() -> int:
    """Run the command line of this process.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or bad input, 130 interrupted.
    """
    # imports make many objects that all stay; looking for garbage among them took a fifth of the
    # time to the first paint. Whoever runs for long turns it on again.
    gc.disable()
    try:
        _occupy_standard_streams()
        from vlmtui.cli import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


def _occupy_standard_streams() -> None:
    """Open /dev/null where a standard stream was closed.

    The next file opened would get its number otherwise, and what is meant for the terminal would go
    into the database or the engine's socket.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
