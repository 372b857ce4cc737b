from __future__ import annotations

from pathlib import Path

from tests.hardware.boards import Board, orin_nano, xavier_nx
from vlmtui.hardware.base import Readings
from vlmtui.hardware.jetson import JetsonProbe
from vlmtui.hardware.sysroot import Sysroot


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def probe(board: Board, clock: Clock | None = None) -> JetsonProbe:
    return JetsonProbe(Sysroot(board.root), clock or Clock())


def throttled_by(board: Board) -> tuple[str, ...] | None:
    return probe(board).read(None, Readings()).get("throttled_by")


def test_a_board_that_nothing_holds_back_says_so_though_its_fan_runs(tmp_path: Path) -> None:
    assert throttled_by(orin_nano(tmp_path)) == ()


def test_a_board_that_is_too_hot_says_what_is_held_back(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    board.cooling(pwm_fan=3, cpu_throttle_alert=0, gpu_throttle_alert=1, hot_surface_alert=1)
    assert throttled_by(board) == ("gpu", "hot-surface-alert")


def test_too_much_current_is_told_for_a_few_seconds(tmp_path: Path) -> None:
    board, clock = orin_nano(tmp_path), Clock()
    reader = probe(board, clock)
    assert reader.read(None, Readings())["throttled_by"] == ()
    board.over_current(7)
    clock.now = 1
    assert reader.read(None, Readings())["throttled_by"] == ("over-current oc3",)
    clock.now = 3
    assert reader.read(None, Readings())["throttled_by"] == ("over-current oc3",)
    clock.now = 30
    assert reader.read(None, Readings())["throttled_by"] == ()


def test_a_driver_that_comes_late_is_found(tmp_path: Path) -> None:
    board, clock = xavier_nx(tmp_path), Clock()
    reader = probe(board, clock)
    assert "throttled_by" not in reader.read(None, Readings())
    board.cooling(gpu_throttle_alert=1)
    clock.now = 61
    assert reader.read(None, Readings())["throttled_by"] == ("gpu",)


def test_a_board_that_tells_nothing_of_it_leaves_the_figure_out(tmp_path: Path) -> None:
    assert throttled_by(xavier_nx(tmp_path)) is None
