"""What every test needs: a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that holds what vlmtui would keep in the user's home."""
    path = tmp_path / "home"
    monkeypatch.setenv("VLMTUI_HOME", str(path))
    return path
