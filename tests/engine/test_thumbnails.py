"""Thumbnails: large pictures are decoded in a process that ends, and cost this one nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Queue

import psutil
import pytest
from PIL import Image

from tests.fakes import TIMEOUT
from tests.hosts import eventually
from vlmtui import errors
from vlmtui.engine import images, thumbnails


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A picture that is decoded whole, in about 150 MB."""
    path = tmp_path / "large.webp"
    Image.new("RGB", (6000, 5000), (200, 30, 30)).save(path, lossless=True, method=0)
    return path


def helpers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            if "vlmtui.engine.thumbnailer" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Queue[int]:
    """The first process that is started; it stands still, and would never end by itself."""
    stopped: Queue[int] = Queue()
    start = thumbnails._started

    def stop() -> subprocess.Popen[bytes]:
        process = start()
        process.send_signal(signal.SIGSTOP)
        stopped.put(process.pid)
        monkeypatch.setattr(thumbnails, "_started", start)
        return process

    monkeypatch.setattr(thumbnails, "_started", stop)
    return stopped


def peak() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert not helpers()


def test_a_large_picture_costs_this_process_nothing(large: Path) -> None:
    thumbnails.thumbnail(large, 8, 8)  # what must be imported is imported
    before = peak()
    small = thumbnails.thumbnail(large, 256, 256)
    assert peak() - before < 10_000_000
    assert small.size == (256, 213)
    assert small.tobytes() == images.thumbnail(large, 256, 256).tobytes()
    assert not helpers()


def test_a_small_one_needs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (8000, 6000), (20, 200, 20)).save(path)
    monkeypatch.setattr(thumbnails, "_started", lambda: pytest.fail("a process was started"))
    assert thumbnails.thumbnail(path, 100, 100).size == (100, 75)


def test_what_is_wrong_is_told_as_ever(large: Path) -> None:
    with pytest.raises(errors.ImageNotFound, match=r"absent\.png"):
        thumbnails.thumbnail(large.with_name("absent.png"), 10, 10)
    content = large.read_bytes()
    large.write_bytes(content[:-20])
    with pytest.raises(errors.ImageTruncated, match=r"large\.webp is damaged") as caught:
        thumbnails.thumbnail(large, 10, 10)
    assert caught.value.hint


def test_many_who_ask_at_once_are_served_by_one_process(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = thumbnails._started
    monkeypatch.setattr(thumbnails, "_started", lambda: started.append(start()) or started[-1])
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(thumbnails.thumbnail(large, n, n).size))
        for n in (30, 60, 90)
    ]
    with thumbnails._queue._turn:  # so that all of them wait
        for thread in threads:
            thread.start()
        eventually(lambda: thumbnails._queue._waiting == len(threads))
    for thread in threads:
        thread.join()
    assert sorted(found) == [(30, 25), (60, 50), (90, 75)]
    assert len(started) == 1


def test_a_process_that_is_killed_is_told_and_the_next_picture_is_made(
    large: Path, stopped: Queue[int]
) -> None:
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            thumbnails.thumbnail(large, 10, 10)
        except errors.ImageError as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    os.kill(stopped.get(timeout=TIMEOUT), signal.SIGKILL)
    thread.join(TIMEOUT)
    assert "large.webp" in str(caught[0]) and "process ended" in str(caught[0])
    assert thumbnails.thumbnail(large, 12, 10).size == (12, 10)


def test_giving_up_ends_the_process_and_those_in_line(large: Path, stopped: Queue[int]) -> None:
    ended: list[str] = []

    def ask() -> None:
        try:
            thumbnails.thumbnail(large, 10, 10)
        except errors.ImageError:
            ended.append("told")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert stopped.get(timeout=TIMEOUT)
    eventually(lambda: thumbnails._queue._waiting == len(threads))
    thumbnails.give_up()
    for thread in threads:
        thread.join(TIMEOUT)
    assert ended == ["told"] * 3


def test_giving_up_while_a_process_starts_ends_it_too(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = thumbnails._started

    def slowly() -> subprocess.Popen[bytes]:
        process = start()
        thumbnails.give_up()
        os.kill(process.pid, signal.SIGSTOP)
        return process

    monkeypatch.setattr(thumbnails, "_started", slowly)
    with pytest.raises(errors.ImageUnreadable, match="process ended"):
        thumbnails.thumbnail(large, 10, 10)


def test_one_that_never_answers_is_given_up(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "SECONDS", 0.0)
    with pytest.raises(errors.ImageUnreadable, match="more than 0 seconds"):
        thumbnails.thumbnail(large, 10, 10)
