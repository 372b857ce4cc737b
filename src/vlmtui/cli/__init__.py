"""The command line: `vlmtui` opens the chat; the other commands have a module each.

Only what parses arguments is imported before a command runs, so that `--help` and `--version` are
immediate, and not even that where there are none. Whatever goes wrong ends here, as a sentence and
an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

from vlmtui.endings import INTERRUPTED
from vlmtui.errors import EngineCrashed, VlmtuiError


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or bad input, 130 interrupted.
    """
    try:
        if not arguments:  # nothing to parse: what would do it is a thirtieth of the start
            from vlmtui.cli.chat import open_chat

            return open_chat()
        from vlmtui.cli.commands import parse_and_run

        return parse_and_run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except VlmtuiError as error:
        _complain(error)
        return error.exit_code
    except Exception as error:
        from vlmtui import crash_log

        _complain(crash_log.recorded(error))
        return 1


def _complain(error: VlmtuiError) -> None:
    """Say on standard error what happened and what to do."""
    from vlmtui.printable import prose

    lines = [f"vlmtui: {error.message}"]
    if error.hint:
        lines.append(error.hint)
    if isinstance(error, EngineCrashed) and error.log_tail:
        lines.append("The engine's log ends with:")
        lines.extend(f"  {line}" for line in error.log_tail.splitlines())
    if sys.stderr is not None:
        with suppress(OSError):
            print(prose("\n".join(lines)), file=sys.stderr)
