"""Hosts of engines for tests: each in a runtime directory of its own, and gone at its end."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.processes import ROOT, SOURCE
from vlmtui.engine import host_inquiry, host_socket
from vlmtui.engine.host_language import HostState, Look, Stop


def eventually(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something holds; far longer than it takes."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def host_state() -> HostState | None:
    """What the host that is reached from here tells; None where there is none."""
    for path in host_socket.running():
        for said in host_inquiry.ask(path, Look()):
            if isinstance(said, HostState):
                return said
    return None


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place where a host may be, short enough for a socket."""
    place = Path(tempfile.mkdtemp(prefix="vh-"))
    monkeypatch.setenv("VLMTUI_HOME", str(place))
    monkeypatch.setenv("VLMTUI_KEEP_ALIVE", "5")
    # as programs have it that tests start: a host is for those who import the same
    monkeypatch.setenv("PYTHONPATH", f"{SOURCE}{os.pathsep}{ROOT}")
    yield place
    monkeypatch.setenv("VLMTUI_HOME", str(place))
    end_hosts()
    shutil.rmtree(place, ignore_errors=True)


def end_hosts() -> None:
    """End what still runs, in the middle of anything."""
    for path in host_socket.running():
        with suppress(host_socket.NoHost):
            for _ in host_inquiry.ask(path, Stop(now=True)):
                pass
    eventually(lambda: not [path for path in host_socket.running() if _listens(path)])


def _listens(path: Path) -> bool:
    with suppress(host_socket.NoHost, OSError):
        connection = host_socket.connect(path)
        if connection is not None:
            connection.close()
            return True
    return False


def children_of(pid: int) -> list[int]:
    """Process ids of the children of a process."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and fields[0] != "Z":
                    found.append(int(entry))
    return found
