"""Where hosts are found, on runtime directories as they can be."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import unprivileged
from vlmtui import paths
from vlmtui.engine import host_socket
from vlmtui.engine.host_socket import NoHost

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's runtime directory, with a short path."""
    place = Path(tempfile.mkdtemp(prefix="vr-"))
    monkeypatch.delenv("VLMTUI_HOME")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    yield place
    shutil.rmtree(place)


def test_the_socket_lies_in_the_users_runtime_directory(runtime: Path) -> None:
    assert host_socket.address().parent == runtime / "vlmtui"
    assert (runtime / "vlmtui").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("value", ["", "relative"])
def test_without_one_there_is_a_directory_for_each_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.delenv("VLMTUI_HOME")
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert paths.runtime_dir() == tmp_path / f"vlmtui-{os.geteuid()}"


def test_one_that_is_not_there_means_no_host(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime / "gone"))
    with pytest.raises(NoHost, match="can't be made"):
        host_socket.address()
    assert host_socket.running() == []


@root_only
def test_one_that_cannot_be_written_means_no_host(runtime: Path) -> None:
    runtime.chmod(0o755)
    with unprivileged(), pytest.raises(NoHost, match="Permission denied") as caught:
        host_socket.address()
    assert not caught.value.refused


@root_only
def test_one_of_another_user_is_not_written_to(runtime: Path) -> None:
    os.chown(runtime, 65534, 65534)
    with pytest.raises(NoHost, match="another user"):
        host_socket.address()


@root_only
def test_a_directory_of_somebody_else_is_refused(runtime: Path) -> None:
    (runtime / "vlmtui").mkdir(mode=0o700)
    os.chown(runtime / "vlmtui", 65534, 65534)
    with pytest.raises(NoHost, match="belongs to another user") as caught:
        host_socket.address()
    assert caught.value.refused


def test_a_link_in_its_place_is_refused(runtime: Path, tmp_path: Path) -> None:
    (runtime / "vlmtui").symlink_to(tmp_path)
    with pytest.raises(NoHost) as caught:
        host_socket.address()
    assert caught.value.refused


@root_only
def test_a_socket_that_somebody_else_listens_on_is_refused(runtime: Path) -> None:
    path = host_socket.address()
    with socket.socket(socket.AF_UNIX) as listener:
        (runtime / "vlmtui").chmod(0o777)
        runtime.chmod(0o755)
        with unprivileged():
            listener.bind(str(path))
            listener.listen()
        with pytest.raises(NoHost, match="another user") as caught:
            host_socket.connect(path)
    assert caught.value.refused


@pytest.mark.parametrize("variable", ["CUDA_VISIBLE_DEVICES", "GGML_TEST", "LD_LIBRARY_PATH"])
def test_who_would_start_another_engine_has_another_host(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    before = host_socket.address()
    monkeypatch.setenv("LC_ALL", "C")
    assert host_socket.address() == before
    monkeypatch.setenv(variable, "1")
    assert host_socket.address() != before
