"""Where hosts are found: a socket each, in a directory that is this user's alone.

A host is for those who would have started the same: the same vlmtui, in the same Python, with the
same of the environment that libraries heed, on the same processors with the same priority. So its
socket's name is made of these. Whoever finds nobody there makes the socket and hands it to the host
that it starts, so that others can connect at once, and wait.
"""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vlmtui import __version__, kept, offspring, paths
from vlmtui.engine.logs import open_log

_HEEDED = ("CUDA", "GGML", "GOMP", "HIP", "HSA", "LD_", "LLAMA", "OMP", "PYTHON", "ROCR", "VK_")
"""How variables begin that libraries of an engine heed."""

_START_S = 20.0
"""How long a host may take to begin; Python and what it imports, on a machine that is busy."""

_LONGEST = 107
"""Bytes of a socket's path that Linux takes."""


class NoHost(Exception):
    """No host can be used here; says why, for a person."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused
        """Something is there that isn't ours: the user must hear of it."""


def directory() -> Path:
    """The directory of the sockets, made and checked.

    Raises:
        NoHost: It can't be made, or isn't this user's alone.
    """
    place = paths.runtime_dir()
    try:
        place.mkdir(mode=0o700, exist_ok=True, parents=bool(os.environ.get(paths.HOME_VARIABLE)))
        found = os.lstat(place)
        owner = os.stat(place.parent).st_uid
    except OSError as error:
        raise NoHost(f"The directory {place} can't be made: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NoHost(f"{place} belongs to another user", refused=True)
    if found.st_mode & 0o077:
        raise NoHost(f"{place} is open to other users: its mode must be 0700", refused=True)
    if place.name == "vlmtui" and owner != os.geteuid():
        raise NoHost(f"{place.parent} is the runtime directory of another user")
    return place


def address() -> Path:
    """Where the host is, or would be, that this process can share.

    Raises:
        NoHost: There can't be one.
    """
    path = directory() / f"engine-{_kind()}.sock"
    if len(os.fsencode(path)) > _LONGEST:
        raise NoHost(f"The path {path} is too long for a socket")
    return path


def running() -> list[Path]:
    """The sockets of all hosts of this user, also those of other versions."""
    try:
        return sorted(directory().glob("engine-*.sock"))
    except NoHost:
        return []


def connect(path: Path) -> socket.socket | None:
    """Connect to a host; None where none listens.

    Raises:
        NoHost: Whoever listens is somebody else.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(5.0)  # with a full backlog, a connect waits
        connection.connect(os.fspath(path))
        connection.settimeout(None)
        ours = is_ours(connection)
    except (FileNotFoundError, ConnectionRefusedError):  # refused: of a host that was killed
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise NoHost(f"{path} can't be used: {error.strerror or 'nobody answers'}") from None
    if not ours:
        connection.close()
        raise NoHost(f"{path} belongs to another user", refused=True)
    return connection


def is_ours(connection: socket.socket) -> bool:
    """Whether the peer is of this user.

    Raises:
        OSError: It is gone.
    """
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return bool(struct.unpack("3i", credentials)[1] == os.geteuid())


def connect_or_start(path: Path, log: Path) -> socket.socket:
    """Connect to a host, which is started if none listens; `log` gets its own output.

    Raises:
        NoHost: It can't be started, or whoever listens is somebody else.
    """
    connection = connect(path)
    if connection is not None:
        return connection
    with _alone(path.parent):
        connection = connect(path)  # another may have been faster
        if connection is None:
            _start(path, log)
            connection = connect(path)
    if connection is None:
        raise NoHost("The host ended at its start")
    return connection


def _start(path: Path, log: Path) -> None:
    _remove_dead(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.fspath(path))
            os.chmod(path, 0o600)
            listener.listen(64)
            output, _ = open_log(log)
            with output:
                starter = subprocess.Popen(
                    offspring.program("vlmtui.engine.host", listener.fileno(), os.fspath(path)),
                    pass_fds=(listener.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        starter.wait(_START_S)  # it leaves the host behind, as nobody's child
    except (OSError, subprocess.TimeoutExpired) as error:
        with suppress(OSError):
            path.unlink()
        raise NoHost(f"The host can't be started: {error}") from None


def _remove_dead(place: Path) -> None:
    """Remove the sockets of hosts that were killed, in containers that are gone maybe."""
    for path in place.glob("engine-*.sock"):
        with suppress(NoHost, OSError):
            connection = connect(path)
            if connection is None:
                path.unlink(missing_ok=True)
            else:
                connection.close()


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Be the only one who starts a host there.

    Raises:
        NoHost: Another one is at it, and doesn't come to an end.
    """
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + 2 * _START_S
    try:
        while not kept.locked(descriptor):
            if time.monotonic() > deadline:
                raise NoHost("Another vlmtui is still starting the host after a long wait")
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _kind() -> str:
    """What tells hosts apart, as a few letters."""
    parts = [__version__, sys.executable, os.path.dirname(__file__)]
    parts += [f"{name}={value}" for name, value in os.environ.items() if name.startswith(_HEEDED)]
    with suppress(OSError):
        parts.append(str(sorted(os.sched_getaffinity(0))))
    parts.append(f"{os.getpriority(os.PRIO_PROCESS, 0)} {resource.getrlimit(resource.RLIMIT_AS)}")
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/mnt"))  # a path means another file elsewhere
    text = "\0".join(sorted(parts))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
