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
    """Open /dev/null where a standard stream was closed; of output, so that it can't be written.

    The next file opened would get its number otherwise, and what is meant for the terminal would go
    into the database or the engine's socket. Python has None for a closed stream, which no command
    should have to think of.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_RDWR)
            stream = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115 - it stays
            setattr(sys, name, stream)


if __name__ == "__main__":
    sys.exit(main())
