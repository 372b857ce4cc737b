"""The command line: `vlmtui` opens the chat; the other commands have a module each.

Only what parses arguments is imported before a command runs, so that `--help` and `--version` are
immediate, and not even that where there are none. Whatever goes wrong ends here, as a sentence and
an exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from vlmtui import standard_output
from vlmtui.endings import INTERRUPTED
from vlmtui.errors import EngineCrashed, VlmtuiError
from vlmtui.standard_output import ReaderGone

COMPLETE = "_VLMTUI_COMPLETE"
"""Set where a shell asks what could be typed; click has its name from the program's."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; `arguments` are the command line without the program's name.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or bad input, 130 interrupted.
    """
    standard_output.prepare()
    try:
        code = _command(arguments)
        standard_output.settle()
        return code
    except ReaderGone as gone:
        if not gone.reason:
            return 0  # whoever read has enough
        return _complained(standard_output.unwritable(gone.reason))
    except KeyboardInterrupt:
        return INTERRUPTED
    except VlmtuiError as error:
        return _complained(error)
    except Exception as error:
        from vlmtui import crash_log

        return _complained(crash_log.recorded(error))


def _command(arguments: Sequence[str]) -> int:
    try:
        # nothing to parse: what would do it is a thirtieth of the start
        if not arguments and COMPLETE not in os.environ:
            from vlmtui.cli.chat import open_chat

            return open_chat()
        from vlmtui.cli.commands import parse_and_run

        return parse_and_run(arguments)
    except OSError:
        standard_output.settle()  # raises, where this is what has failed
        raise


def _complained(error: VlmtuiError) -> int:
    """Say on standard error what happened and what to do; returns the exit code."""
    from vlmtui.printable import prose

    lines = [f"vlmtui: {error.message}"]
    if error.hint:
        lines.append(error.hint)
    if isinstance(error, EngineCrashed) and error.log_tail:
        lines.append("The engine's log ends with:")
        lines.extend(f"  {line}" for line in error.log_tail.splitlines())
    with suppress(OSError):
        print(prose("\n".join(lines)), file=sys.stderr)
    with suppress(ReaderGone):  # of what was printed before
        standard_output.settle()
    return error.exit_code
