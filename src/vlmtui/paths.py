"""Where vlmtui keeps its files.

The platform's own places (XDG on Linux), or one directory for everything when `VLMTUI_HOME` is set:
`$VLMTUI_HOME/{data,config,cache,state}`. Directories come into being when they are first asked for,
readable by their owner alone, because chats and pictures are private. This module does not know
what is in the files.

Every function that makes a directory raises `StorageError` when it can't.
"""

from __future__ import annotations

import os
from pathlib import Path

from vlmtui.errors import StorageError, os_errors_as
from vlmtui.printable import line

_MOST_NAMES = 2000
"""Of a directory that are looked at for a name like one that isn't there."""

HOME_VARIABLE = "VLMTUI_HOME"
"""Environment variable that puts everything into one directory."""


def data_dir() -> Path:
    """Chats, pictures and installed models: what the user would miss."""
    return _made("data")


def data_place() -> Path:
    """The same; it need not exist."""
    return _place("data")


def config_dir() -> Path:
    """What the user writes by hand."""
    return _made("config")


def cache_dir() -> Path:
    """What can be made or fetched again."""
    return _made("cache")


def engine_cache_dir() -> Path:
    """What engines have computed and keep; made by whoever puts something there."""
    return cache_dir() / "engine"


def state_dir() -> Path:
    """Logs."""
    return _made("state")


def config_path() -> Path:
    """The settings file; neither it nor its directory need exist."""
    return _place("config") / "config.toml"


def database_path() -> Path:
    """The database of chats."""
    return data_dir() / "chats.db"


def images_dir() -> Path:
    """The content store of pictures; made by the store itself."""
    return data_dir() / "images"


def models_dir() -> Path:
    """Model files of our own; made by whoever puts one there."""
    return data_dir() / "models"


def engine_log_path() -> Path:
    """What llama.cpp prints for this process; another one has a file of its own."""
    return state_dir() / f"engine-{os.getpid()}.log"


def app_log_path() -> Path:
    """What the application notes about itself."""
    return state_dir() / "vlmtui.log"


def library_log_path() -> Path:
    """What libraries print while the screen is drawn; begun anew at each start."""
    return state_dir() / "libraries.log"


def runtime_dir() -> Path:
    """Where the sockets of running engines lie; neither made nor checked here.

    The user's own runtime directory, even where the variable for it isn't set, so that all sessions
    find the same; else a directory for this user among the temporary ones.
    """
    if os.environ.get(HOME_VARIABLE):
        return _place("run")
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(given):
        return Path(given) / "vlmtui"
    usual = Path(f"/run/user/{os.geteuid()}")
    if usual.is_dir():
        return usual / "vlmtui"
    import tempfile  # needed only where there is no runtime directory

    return Path(tempfile.gettempdir()) / f"vlmtui-{os.geteuid()}"


def shown(place: Path | str) -> str:
    """A path as people write it: `~` for the home directory."""
    text, home = str(place), os.path.expanduser("~")
    if text == home or (text.startswith(home.rstrip("/") + "/") and len(home) > 1):
        return "~" + text[len(home) :]
    return text


def _place(kind: str) -> Path:
    """The directory of `kind`, absolute, whether or not it exists."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(os.path.abspath(os.path.expanduser(home))) / kind
    # Imported here because it is not needed when everything lies in one directory.
    import platformdirs

    dirs = platformdirs.PlatformDirs("vlmtui", appauthor=False)
    try:
        return Path(getattr(dirs, f"user_{kind}_path"))
    except RuntimeError as error:  # in a container, say
        raise StorageError(
            "There is no home directory: HOME isn't set, and this user has no entry in /etc/passwd",
            f"Set {HOME_VARIABLE} to a directory that you can write to.",
        ) from error


def _made(kind: str) -> Path:
    place = _place(kind)
    with os_errors_as(
        StorageError,
        f"The {kind} directory {place} can't be made",
        f"Make it writable, or set {HOME_VARIABLE} to a directory that is",
    ):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def or_rather(path: Path) -> str:
    """What to do where there is no such file: its name may have been mistyped."""
    from difflib import get_close_matches  # rare

    try:
        names = os.listdir(path.parent)[:_MOST_NAMES]
    except OSError:
        return f"There is no directory {path.parent} that can be read."
    near = get_close_matches(path.name, names, 1, 0.7)
    if not near:
        return "Check the path."
    return f"Did you mean {line(os.fsencode(path.with_name(near[0])).decode(errors='replace'))}?"
