"""Paths of another machine: someone who works over SSH drops a file of the laptop on the terminal.

What is said then is the command that brings the file here. Knows no screen.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import time

from vlmtui.compose.pasted_paths import WINDOWS

_ELSEWHERE = re.compile(r"/(?:Users|Volumes|private/var|var/folders|mnt/[a-z])/")
_FOLDERS = re.compile(r"~/(?:Desktop|Downloads|Pictures|Documents|Library|OneDrive)/")

_FRESH_S = 3600
"""A file has come lately if its inode changed within so many seconds."""


def is_elsewhere(path: str) -> bool:
    """Whether a path that doesn't exist looks like one of another machine."""
    if os.path.exists(os.path.expanduser(path)):
        return False
    if WINDOWS.match(path) or _ELSEWHERE.match(path) or _FOLDERS.match(path):
        return True
    home = re.match(r"/home/[^/]+/", path)
    return home is not None and not os.path.isdir(home[0])


def copied(path: str) -> list[str]:
    """The file of another machine by its name, once `copy_command` has brought it; or nothing.

    A file that has been here for longer is another one, such as the IMG_0001.jpg of last month.
    """
    name = re.split(r"[/\\]", path)[-1]
    if not (is_elsewhere(path) and os.path.isfile(name)):
        return []
    # not the time of its change: `scp -p` brings that along
    return [name] if os.stat(name).st_ctime > time.time() - _FRESH_S else []


def copy_command(path: str) -> str:
    """The command that, run on the other machine, copies the file into this working directory."""
    host, port = _host()
    scp = "scp" if port == "22" else f"scp -P {port}"
    return f"{scp} {_quoted(path)} {_user()}@{host}:{_for_shell(os.getcwd() + '/')}"


def _quoted(path: str) -> str:
    if WINDOWS.match(path):
        return f'"{path}"'  # a shell of Windows, where only these quotes are quotes
    if path.startswith("~/"):
        return "~/" + _for_shell(path[2:])
    return _for_shell(path)


def _for_shell(text: str) -> str:
    import shlex  # not needed for the first paint

    return shlex.quote(text)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return "USER"


def _host() -> tuple[str, str]:
    """This machine as the other one reached it, or else its name; and the port of its sshd."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) == 4 and connection[3].isdecimal():
        address, port = connection[2:]
        return f"[{address}]" if ":" in address else address, port
    return socket.gethostname(), "22"
