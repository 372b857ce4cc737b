"""Speed and time left of a download."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlmtui.models.download.events import RemoteFile
from vlmtui.models.download.meter import Meter, Sum

PLACE = Path("/nowhere")
MB = 1_000_000


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("vlmtui.models.download.meter.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def meter(size: int | None, total: int, before: int = 0) -> Meter:
    file = RemoteFile("m.gguf", "model", "", size, PLACE, PLACE, PLACE, PLACE)
    return Meter(file, Sum(total, done=before))


def test_time_left_is_that_of_all_files(clock: Clock) -> None:
    measured = meter(100 * MB, 300 * MB, before=50 * MB)
    measured.begin(0)
    clock.now += 2
    told = measured.read(20 * MB)
    assert told.bytes_per_s == 10 * MB
    assert (told.all_done, told.all_total) == (70 * MB, 300 * MB)
    assert told.seconds_left == 23


def test_what_was_here_before_is_no_speed(clock: Clock) -> None:
    measured = meter(100 * MB, 100 * MB)
    measured.begin(90 * MB)
    clock.now += 1
    assert measured.read(91 * MB).bytes_per_s == MB


def test_speed_is_that_of_the_last_seconds(clock: Clock) -> None:
    measured = meter(1000 * MB, 1000 * MB)
    measured.begin(0)
    done = 0
    for speed in [50 * MB] * 20 + [1 * MB] * 20:
        clock.now += 1
        done += speed
        told = measured.read(done)
    assert told.bytes_per_s == MB


def test_a_file_of_unknown_size_has_no_time_left(clock: Clock) -> None:
    measured = meter(None, 0)
    measured.begin(0)
    clock.now += 1
    told = measured.read(5 * MB)
    assert (told.total, told.seconds_left, told.bytes_per_s) == (None, None, 5 * MB)
