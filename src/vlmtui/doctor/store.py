"""Where vlmtui keeps its things, and whether they can be read and written."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from vlmtui import paths
from vlmtui.doctor.finding import Finding
from vlmtui.errors import StorageError, VlmtuiError
from vlmtui.models import catalog, search
from vlmtui.settings import load_settings
from vlmtui.stats.model_details import KEEPERS
from vlmtui.storage.migrations import MIGRATIONS
from vlmtui.storage.sqlite_errors import require_file

_MOST_TOLD = 5
"""Broken models that are told one by one."""

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
    found += _models()
    return found


def _place(name: str, place: Callable[[], Path]) -> Finding:
    try:
        directory = place()
    except StorageError as error:
        return Finding(name, "fail", error.message, error.hint)
    if not os.access(directory, os.W_OK | os.X_OK):
        if place is paths.config_dir:
            return Finding(name, "info", f"{directory}, read-only")
        advice = f"Make {directory} writable"
        return Finding(name, "fail", f"{directory}, read-only", advice)
    return Finding(name, "ok", str(directory))


def _settings() -> Finding:
    try:
        load_settings()
    except VlmtuiError as error:
        return Finding("settings file", "fail", error.message, error.hint)
    path = paths.config_path()
    if not path.exists():
        return Finding("settings file", "info", "none: all settings are the defaults")
    return Finding("settings file", "ok", str(path))


def _database() -> Finding:
    try:
        path = paths.database_path()
        require_file(path)
    except StorageError as error:
        return Finding("database", "fail", error.message, error.hint)
    if not path.exists():
        return Finding("database", "info", "no chats yet")
    recovery = "`vlmtui chats recover` saves what can be read of it"
    try:
        # read-only, and not through the store: a doctor migrates nothing
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            sound = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            chats = database.execute("SELECT count(*) FROM chats").fetchone()[0]
    except sqlite3.Error as error:
        return Finding("database", "fail", f"{path} can't be read: {error}", recovery)
    if version > len(MIGRATIONS):
        value = f"{path} is of a newer vlmtui (version {version})"
        return Finding("database", "fail", value, "Update vlmtui")
    if sound != "ok":
        return Finding("database", "fail", f"{path} is damaged: {sound}", recovery)
    return Finding(
        "database", "ok", f"{chats} chat{'s' * (chats != 1)}, {path.stat().st_size / 1e6:.1f} MB"
    )


def _models() -> list[Finding]:
    """What the library finds, where, and what of it can't be used."""
    try:
        survey = search.survey()
        settings = load_settings()
    except VlmtuiError as error:
        return [Finding("models", "fail", error.message, error.hint)]
    places = Counter(KEEPERS[model.source] for model in survey.models)
    told = ", ".join(f"{place} {count}" for place, count in places.items())
    found = [Finding("models", "ok", f"{len(survey.models)} found: {told}")]
    found += [
        Finding("broken model", "warn", model.reason, model.hint)
        for model in survey.broken[:_MOST_TOLD]
    ]
    if len(survey.broken) > _MOST_TOLD:
        more = f"{len(survey.broken) - _MOST_TOLD} more can't be used"
        found.append(Finding("broken models", "warn", more, "`vlmtui models` lists them"))
    found += [
        Finding("models", "info", f"{path} can't be read; models in it are not found")
        for path in [path for path in survey.unreadable if path.exists()][:_MOST_TOLD]
    ]
    correct = "Correct `model_dirs` in the settings"
    found += [
        Finding("model_dirs", "warn", f"{directory} is not a directory", correct)
        for directory in settings.model_dirs
        if not Path(os.path.expanduser(directory)).is_dir()
    ]
    if problem := catalog.load().problem:
        found.append(Finding("catalogue", "warn", problem.message, problem.hint))
    return found
