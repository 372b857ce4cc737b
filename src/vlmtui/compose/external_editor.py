"""The user's own editor for a long text or a file, which has the terminal to itself meanwhile.

Blocks until the editor has ended. Which one: `VISUAL` or `EDITOR`, with arguments if they have any,
or else the first that is installed of those that everybody can leave again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from vlmtui import kept
from vlmtui.errors import InputError, os_errors_as

_FALLBACKS = ("sensible-editor", "nano", "vi")

_MOST_BYTES = 64 << 20


def command() -> list[str]:
    """The editor and its arguments; raises `InputError` where there is none."""
    import shlex

    for variable in ("VISUAL", "EDITOR"):
        line = os.environ.get(variable, "").strip()
        if not line:
            continue
        if shutil.which(line) is not None:  # a path with spaces, unquoted
            return [line]
        try:
            words = shlex.split(line)
        except ValueError:
            raise InputError(f"{variable} has an unclosed quote: {line}", "Correct it") from None
        if shutil.which(words[0]) is None:
            raise InputError(
                f"{variable} names the editor {words[0] or line}, which is not installed",
                f"Install it, or name another one: export {variable}=nano",
            )
        return words
    for name in _FALLBACKS:
        if shutil.which(name) is not None:
            return [name]
    raise InputError("There is no editor", "Name one: export EDITOR=nano")


def edit(text: str) -> str:
    """Have a text edited.

    Raises:
        InputError: There is no editor, or it failed; the text is as it was.
    """
    name = ""
    before = text.encode("utf-8", "replace")
    try:
        # readable by nobody else, and markdown by its name
        descriptor, name = tempfile.mkstemp(prefix="vlmtui-", suffix=".md")
        with os.fdopen(descriptor, "wb") as file:
            file.write(before)
        try:
            edit_file(Path(name), "The text is as it was before; /editor opens it again")
        except InputError as error:
            if kept.read(Path(name), _MOST_BYTES) in (before, b""):
                raise
            where, name = name, ""  # it stays
            raise InputError(error.message, f"{error.hint}\nWhat it saved is in {where}") from None
        edited = kept.read(Path(name), _MOST_BYTES).decode("utf-8", "replace")
        return edited.replace("\r\n", "\n").removesuffix("\n")
    except OSError as error:
        raise InputError(
            f"The text can't be edited: {error.strerror or error}",
            "Check the directory for temporary files, TMPDIR",
        ) from None
    finally:
        with suppress(OSError):
            os.unlink(name)


def edit_file(path: Path, after_failure: str) -> None:
    """Have a file edited.

    Raises:
        InputError: There is no editor, or it failed, with what to do then.
    """
    words = command()
    with os_errors_as(InputError, f"{words[0]} can't be run", "Set EDITOR to another editor"):
        run = subprocess.run([*words, str(path)], check=False, stderr=sys.__stderr__)
    if run.returncode:
        how = f"status {run.returncode}" if run.returncode > 0 else f"signal {-run.returncode}"
        raise InputError(f"{words[0]} ended with {how}", after_failure)
