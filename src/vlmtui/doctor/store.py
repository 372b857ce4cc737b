"""Where vlmtui keeps its things, and whether they can be read and written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from vlmtui import paths
from vlmtui.doctor.finding import Finding
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.settings import load_settings
from vlmtui.storage.migrations import MIGRATIONS

TOPIC = "files"

_PLACES: tuple[tuple[str, Callable[[], Path]], ...] = (
    ("chats and pictures", paths.data_dir),
    ("settings and themes", paths.config_dir),
    ("cache", paths.cache_dir),
    ("logs", paths.state_dir),
)


def findings() -> list[Finding]:
    """Directories, settings, database, models."""
    found = [_place(name, place) for name, place in _PLACES]
    found.append(_settings())
    found.append(_database())
    return found


def _place(name: str, place: Callable[[], Path]) -> Finding:
    try:
        directory = place()
    except StorageError as error:
        return Finding(TOPIC, name, "fail", error.message, error.hint)
    if not os.access(directory, os.W_OK | os.X_OK):
        if place is paths.config_dir:
            return Finding(TOPIC, name, "info", f"{directory}, read-only")
        advice = f"Make {directory} writable"
        return Finding(TOPIC, name, "fail", f"{directory}, read-only", advice)
    return Finding(TOPIC, name, "ok", str(directory))


def _settings() -> Finding:
    try:
        load_settings()
    except VlmtuiError as error:
        return Finding(TOPIC, "settings file", "fail", error.message, error.hint)
    path = paths.config_path()
    if not path.exists():
        return Finding(TOPIC, "settings file", "info", "none: all settings are the defaults")
    return Finding(TOPIC, "settings file", "ok", str(path))


def _database() -> Finding:
    try:
        path = paths.database_path()
    except StorageError as error:
        return Finding(TOPIC, "database", "fail", error.message, error.hint)
    if not path.exists():
        return Finding(TOPIC, "database", "info", "no chats yet")
    try:
        # read-only, and not through the store: a doctor migrates nothing
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            sound = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            chats = database.execute("SELECT count(*) FROM chats").fetchone()[0]
    except sqlite3.Error as error:
        return Finding(
            TOPIC,
            "database",
            "fail",
            f"{path} can't be read: {error}",
            "`vlmtui chats recover` saves what can be read of it",
        )
    if version > len(MIGRATIONS):
        return Finding(
            TOPIC,
            "database",
            "fail",
            f"{path} is of a newer vlmtui (version {version})",
            "Update vlmtui",
        )
    if sound != "ok":
        return Finding(
            TOPIC,
            "database",
            "fail",
            f"{path} is damaged: {sound}",
            "`vlmtui chats recover` saves what can be read of it",
        )
    return Finding(TOPIC, "database", "ok", f"{chats} chats, {path.stat().st_size / 1e6:.1f} MB")
