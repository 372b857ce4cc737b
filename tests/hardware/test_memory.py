from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from tests.hardware.boards import Board
from vlmtui.hardware.memory import free_memory
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE

KIB = 1024


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setenv(SYSROOT_VARIABLE, str(tmp_path))
    return Board(tmp_path)


def test_this_machine_has_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SYSROOT_VARIABLE, raising=False)
    now = free_memory()
    assert 0 < now.free <= now.total
    assert now.held == 0


def test_what_a_process_gives_back_is_its_own_memory_without_its_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SYSROOT_VARIABLE, raising=False)
    before = free_memory(os.getpid()).held
    # not of the heap, which may have as much left of another test
    with mmap.mmap(-1, 50_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as own:
        for page in range(0, len(own), mmap.PAGESIZE):
            own[page] = 1
        after = free_memory(os.getpid()).held
    assert 40_000_000 < after - before < 80_000_000
    assert free_memory(2**22 + 1).held == 0  # there is no such process


def test_on_a_jetson_free_memory_is_what_main_memory_has_available(board: Board) -> None:
    board.write("/proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit\0")
    board.write("/proc/meminfo", "MemTotal: 7802000 kB\nMemAvailable: 5123000 kB")
    now = free_memory()
    assert now.shared
    assert (now.free, now.total) == (5123000 * KIB, 7802000 * KIB)
    assert (now.gpu_free, now.gpu_total) == (0, 0)


def test_a_containers_limit_bounds_what_is_free(board: Board) -> None:
    board.write("/sys/fs/cgroup/memory.max", 3_000_000_000)
    board.write("/sys/fs/cgroup/memory.current", 1_000_000_000)
    board.write("/sys/fs/cgroup/memory.stat", "anon 5\ninactive_file 400000000")
    now = free_memory()
    assert now.total == 3_000_000_000
    assert now.free == 2_400_000_000


@pytest.mark.parametrize("limit", ["max", "", "garbage", "-1"])
def test_no_limit_is_none(board: Board, limit: str) -> None:
    board.write("/sys/fs/cgroup/memory.max", limit)
    board.write("/sys/fs/cgroup/memory.current", 1_000_000_000)
    assert free_memory().total > 1_000_000_000
