"""A support bundle: findings, logs and settings in one file, without chats and without secrets.

What goes in is listed here by name, beside the logs of engines; nothing else is swept up from
directories. `redaction` says what is taken out of the texts.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from vlmtui import kept, paths
from vlmtui.doctor.finding import Finding
from vlmtui.doctor.redaction import for_others, without_own_words
from vlmtui.doctor.report import as_json, as_text
from vlmtui.engine.logs import logs_in
from vlmtui.errors import InputError, StorageError, VlmtuiError, os_errors_as

_TAIL_BYTES = 200_000
"""End of each log that is taken along, in bytes."""

_LOGS: tuple[tuple[str, Callable[[], Path]], ...] = (
    ("vlmtui.log", paths.app_log_path),
    ("config.toml", paths.config_path),
)


def write_bundle(findings: Sequence[Finding], path: Path) -> Path:
    """Write the bundle as a new ZIP file; returns its absolute path.

    Raises:
        InputError: It can't be written, or there is such a file.
    """
    path = Path(os.path.abspath(os.path.expanduser(path)))
    with os_errors_as(InputError, f"The bundle {path} can't be written", "Name another place"):
        try:
            kept.write(path, bundled(findings), replace=False, mode=0o666)
        except FileExistsError as error:
            raise InputError(f"{path} already exists", "Name another file") from error
    return path


def bundled(findings: Sequence[Finding]) -> bytes:
    """The ZIP file of the bundle."""
    # before they are rendered: what is taken out of JSON's text may take a quotation mark along
    told = [
        msgspec.structs.replace(
            finding, value=for_others(finding.value), advice=for_others(finding.advice)
        )
        for finding in findings
    ]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("doctor.txt", as_text(told))
        bundle.writestr("doctor.json", as_json(told))
        for name, place in [*_LOGS, *_engine_logs()]:
            if (text := _tail(place)) is not None:
                text = without_own_words(text) if name == "config.toml" else text
                bundle.writestr(name, for_others(text))
    return file.getvalue()


def _engine_logs() -> list[tuple[str, Callable[[], Path]]]:
    try:
        found = logs_in(paths.state_dir())
    except StorageError:
        return []
    return [(path.name, partial(Path, path)) for path in found]


def _tail(place: Callable[[], Path]) -> str | None:
    try:
        path = place()
        if not path.is_file():  # nobody may be at the other end of a FIFO
            return None
        with path.open("rb") as file:
            start = max(path.stat().st_size - _TAIL_BYTES, 0)
            file.seek(start)
            content = file.read()
        if start:  # the line that is cut in two may have been "token = …": nobody would see it now
            content = content.partition(b"\n")[2]
        return content.decode(errors="replace")
    except (OSError, VlmtuiError):
        return None
