"""Errors that nobody thought of, as they are told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import psutil
import pytest

from vlmtui import crash_log, paths
from vlmtui.ask import standard_input
from vlmtui.errors import InputError, StorageError, os_errors_as


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "not enough memory"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "utf_16_le.py"), "no more files"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "disk"),
        (RuntimeError("can't start new thread"), "no more threads"),
        (OverflowError("timestamp too large to convert to C _PyTime_t"), "clock"),
    ],
)
def test_what_the_machine_is_short_of_is_no_fault_to_report(error: Exception, said: str) -> None:
    told = crash_log.recorded(error)
    assert said in told.message
    assert told.hint and "report" not in told.hint


def test_a_system_without_proc_is_said_to_lack_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash_log, "PROC", tmp_path / "proc" / "self")
    told = crash_log.recorded(psutil.NoSuchProcess(1))
    assert told.message.endswith("is not mounted")
    assert "mount" in told.hint


def test_anything_else_is_logged(home: Path) -> None:
    told = crash_log.recorded(ValueError("odd"))
    assert told.message == "Internal error: ValueError: odd"
    assert "ValueError: odd" in paths.app_log_path().read_text()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "space"),
        (errno.EDQUOT, "space"),
        (errno.EIO, "Check the disk"),
        (errno.EROFS, "writable"),
        (errno.EMFILE, "ulimit"),
        (errno.EACCES, "your own"),
    ],
)
def test_the_advice_fits_what_the_system_refused(number: int, advice: str) -> None:
    with (
        pytest.raises(StorageError) as caught,
        os_errors_as(StorageError, "It can't be written", "Take your own directory."),
    ):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in caught.value.message
    assert advice in caught.value.hint


def test_a_terminal_that_is_gone_is_no_disk_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    os.close(theirs)
    with os.fdopen(ours) as terminal, pytest.raises(InputError) as caught:
        monkeypatch.setattr("sys.stdin", terminal)
        standard_input.read(10)
    assert os.strerror(errno.EIO) in caught.value.message
    assert "Name a file" in caught.value.hint
