"""A Hub on this machine, for tests that ask for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session

from tests.models.hub import Hub, environment, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The Hub that is asked; nothing else can be, and no token of this machine is sent."""
    with serving() as hub:
        for name, value in environment(hub, tmp_path).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        # read when the library is imported, which another test may have done
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
        close_session()  # it has the proxies of the test before
        yield hub
        close_session()
