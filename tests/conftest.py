"""What every test needs: a home of its own. And a disk that can be filled, for those that ask."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

from tests.disks import small_disk
from tests.terminals import Terminal
from tests.web import WebServer

# the same examples each time, and a busy machine may take any time for one of them;
# `--hypothesis-profile default` tries others
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")


def pytest_configure() -> None:
    """Have the programs that tests start hear every signal, as in the foreground of a shell.

    `nohup make test` ignores SIGHUP and a script's `make test &` SIGINT and SIGQUIT, and programs
    inherit that. They don't inherit a handler, and so the run itself stays as it was started.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as cores: tests wait for a third of their time."""
    cores = len(psutil.Process().cpu_affinity()) if psutil.LINUX else psutil.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_collection_finish() -> None:
    """Let what tests leave behind be collected, and what was imported never be looked through.

    An application does that once, for its process. Done by every application of a run, it would
    keep all of them for ever.
    """
    gc.collect()
    gc.freeze()
    gc.freeze = lambda: None
    gc.set_threshold(50_000, 20, 5)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that nobody waits for it alone in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that holds what vlmtui would keep in the user's home."""
    path = tmp_path / "home"
    monkeypatch.setenv("VLMTUI_HOME", str(path))
    # no model outlives the test that loaded it; tests of the host say otherwise
    monkeypatch.setenv("VLMTUI_KEEP_ALIVE", "0")
    # servers of the machine's own must not be found
    monkeypatch.setenv("VLMTUI_SERVER_PORTS", "0")
    # models of the machine's own must not be found
    for variable in ("HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "stores" / variable.lower()))
    return path


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte, where mounting is allowed."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        yield disk


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Put terminals here that are to be closed at the end."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A web server of this machine, asked past any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    serving = WebServer()
    yield serving
    serving.close()
