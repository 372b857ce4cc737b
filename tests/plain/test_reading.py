"""Lines that are typed: what is left when one has ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vlmtui.plain.reading import Lines


def _pipes() -> set[str]:
    """The pipes that this process has open, as the kernel calls them."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.add(os.readlink(file))
    return {name for name in found if name.startswith("pipe:")}


def test_ctrl_c_in_the_clean_up_of_a_line_leaves_no_pipe_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    before = _pipes()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(threading.Thread, "join", interrupted)
        with Lines()._looked_at():
            assert len(_pipes() - before) == 1
    assert signal.set_wakeup_fd(-1) == -1
    deadline = time.monotonic() + 60
    while _pipes() - before:
        assert time.monotonic() < deadline, "the pipe is still open"
        time.sleep(0.01)
