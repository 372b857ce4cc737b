"""Telling the living from the dead."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pytest

from tests.processes import child
from vlmtui.errors import StorageError
from vlmtui.storage.presence import Presence

LIVE = """
import sys
from pathlib import Path
from vlmtui.storage.presence import Presence
print(Presence(Path(sys.argv[1])).token, flush=True)
sys.stdin.readline()
"""

LIVE_WITH_A_CHILD = """
import subprocess, sys
from pathlib import Path
from vlmtui.storage.presence import Presence
token = Presence(Path(sys.argv[1])).token
engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(token, engine.pid, flush=True)
sys.stdin.readline()
"""


def test_an_instance_is_alive_until_it_says_otherwise(tmp_path: Path) -> None:
    one, two = Presence(tmp_path), Presence(tmp_path)
    assert one.is_alive(one.token)
    assert two.is_alive(one.token)
    token = one.token
    one.close()
    one.close()
    assert not two.is_alive(token)
    assert not two.is_alive(None)
    assert not two.is_alive("no such instance")
    two.close()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    presence = Presence(tmp_path / "instances")
    assert not presence.is_alive("someone")
    presence.close()
    assert not (tmp_path / "instances").exists()


def test_a_killed_process_is_dead_and_its_file_is_swept(tmp_path: Path) -> None:
    presence = Presence(tmp_path)
    with child(LIVE, tmp_path) as process:
        token = process.read()
        assert presence.is_alive(token)
        process.kill()
    assert not presence.is_alive(token)
    assert (tmp_path / token).exists()
    assert presence.token
    assert not (tmp_path / token).exists()
    presence.close()


def test_looking_does_not_make_the_dead_seem_alive_to_others(tmp_path: Path) -> None:
    with child(LIVE, tmp_path) as process:
        token = process.read()
        process.kill()
    looking = os.open(tmp_path / token, os.O_RDWR)
    try:
        fcntl.flock(looking, fcntl.LOCK_SH)  # as `is_alive` of another process does
        assert not Presence(tmp_path).is_alive(token)
    finally:
        os.close(looking)


def test_an_engine_that_outlives_its_instance_does_not_keep_it_alive(tmp_path: Path) -> None:
    with child(LIVE_WITH_A_CHILD, tmp_path) as process:
        token, engine = process.read().split()
        presence = Presence(tmp_path)
        assert presence.is_alive(token)
        process.kill()
        assert not presence.is_alive(token)
        os.kill(int(engine), signal.SIGKILL)


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="lock file"):
        assert Presence(tmp_path / "file" / "instances").token
