"""A support bundle: findings, logs and settings in one file, without chats and without secrets.

What goes in is listed here by name, beside the logs of engines; nothing else is swept up from
directories. Texts lose whatever looks
like a secret, the user's name and the machine's.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from vlmtui import paths
from vlmtui.doctor.finding import Finding
from vlmtui.doctor.report import as_json, as_text
from vlmtui.engine.logs import logs_in
from vlmtui.errors import InputError, StorageError, VlmtuiError

_TAIL_BYTES = 200_000
"""End of each log that is taken along, in bytes."""

_SECRETS = (
    # the word goes before what assigns it: "Authorization: Bearer ..." has two
    (re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"), "(removed)"),
    (
        re.compile(
            r"""(?i)([\w-]*(?:token|secret|password|passwd|api[_-]?key|authorization)[\w-]*"?\s*[=:]\s*)"""
            r"""(?:"[^"]*"|'[^']*'|\S+)"""
        ),
        r"\1(removed)",
    ),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@"), r"\1(removed)@"),
    (re.compile(r"\b(?:hf_|sk-|gh[pousr]_|xox[abp]-|AKIA|glpat-)[\w-]{6,}"), "(removed)"),
)
"""What looks like a secret, and what stands there instead."""

_LOGS: tuple[tuple[str, Callable[[], Path]], ...] = (
    ("vlmtui.log", paths.app_log_path),
    ("config.toml", paths.config_path),
)


def write_bundle(findings: Sequence[Finding], path: Path) -> Path:
    """Write the bundle.

    Args:
        findings: What was found.
        path: The ZIP file to make; must not exist.

    Returns:
        The absolute path.

    Raises:
        InputError: It can't be written, or there is such a file.
    """
    path = Path(os.path.abspath(os.path.expanduser(path)))
    try:
        with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("doctor.txt", without_secrets(as_text(findings)))
            bundle.writestr("doctor.json", without_secrets(as_json(findings)))
            for name, place in [*_LOGS, *_engine_logs()]:
                if (text := _tail(place)) is not None:
                    bundle.writestr(name, without_secrets(text))
    except FileExistsError as error:
        raise InputError(f"{path} exists already", "Name another file") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise InputError(
            f"The bundle {path} can't be written: {error.strerror}", "Name another place"
        ) from error
    return path


def without_secrets(text: str) -> str:
    """The text without tokens, passwords, the user's name and the machine's."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = text.replace(home, "~")
    for name, instead in ((_user(), "(user)"), (socket.gethostname(), "(host)")):
        if len(name) > 2:
            text = re.sub(rf"\b{re.escape(name)}\b", instead, text)
    return text


def _engine_logs() -> list[tuple[str, Callable[[], Path]]]:
    try:
        found = logs_in(paths.state_dir())
    except StorageError:
        return []
    return [(path.name, partial(Path, path)) for path in found]


def _tail(place: Callable[[], Path]) -> str | None:
    try:
        path = place()
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
            return file.read().decode(errors="replace")
    except (OSError, VlmtuiError):
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
