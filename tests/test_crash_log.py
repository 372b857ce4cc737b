"""Errors that nobody thought of, as they are told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vlmtui import crash_log, paths


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "not enough memory"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "utf_16_le.py"), "no more files"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left"),
    ],
)
def test_what_the_machine_is_short_of_is_no_fault_to_report(error: Exception, said: str) -> None:
    told = crash_log.recorded(error)
    assert said in told.message
    assert told.hint and "report" not in told.hint


def test_anything_else_is_logged(home: Path) -> None:
    told = crash_log.recorded(ValueError("odd"))
    assert told.message == "Internal error: ValueError: odd"
    assert "ValueError: odd" in paths.app_log_path().read_text()
