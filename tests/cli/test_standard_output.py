"""What is printed by commands whose reader has left, or whose disk is full: one rule for all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM

COMMANDS = [
    "--help",
    "--version",
    "chats list --json",
    "config path",
    "config show",
    "doctor --json",
    "keys",
    "models --json",
    "models default",
    "models fit demo",
    "models info demo",
    "models path demo",
    "models pull demo --json",
]


def run(command: str, stdout: int, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *command.split()],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **more},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_left_ends_every_command_quietly(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(command, writer)
    finally:
        os.close(writer)
    assert done.returncode == 0
    for word in (b"Error", b"error", b"Traceback", b"Exception", b"Broken"):
        assert word not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_told_by_every_command(command: str) -> None:
    with open("/dev/full", "w") as full:
        done = run(command, full.fileno())
    assert done.returncode == 1
    assert b"Standard output can't be written: No space left on device" in done.stderr


def closed(command: str, stream: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {stream}', "bash", *PROGRAM, *command.split()],
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_closed_output_is_told_by_every_command(command: str) -> None:
    done = closed(command, ">&-")
    assert done.returncode == 1
    assert done.stderr.startswith(b"vlmtui: Standard output can't be written: it is closed\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_closed_input_and_errors_disturb_no_command(command: str) -> None:
    done = closed(command, "<&- 2>&-")
    assert done.returncode == 0
    assert done.stdout
    for word in (b"Internal", b"Traceback", b"Exception"):
        assert word not in done.stderr


def test_what_the_encoding_does_not_have_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "home" / "config").mkdir(parents=True)
    words = 'system = "häu 你"'
    (tmp_path / "home" / "config" / "config.toml").write_text(words, encoding="utf-8")
    done = run("config show", subprocess.PIPE, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "häu ?".encode("latin-1") in done.stdout
