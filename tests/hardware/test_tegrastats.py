"""The probe that runs tegrastats: real processes, on a clock that the test moves.

A script tells through a FIFO how far it is, and holds it open as long as it lives: no test guesses
how long anything takes.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tests.hardware.boards import nano
from tests.hardware.test_jetson import Clock
from tests.hardware.test_tegrastats_lines import ORIN_BUSY, THOR
from tests.processes import child
from vlmtui.hardware import tegrastats
from vlmtui.hardware.base import Readings
from vlmtui.hardware.sysroot import SYSROOT_VARIABLE
from vlmtui.hardware.tegrastats import MISSING_S, SILENT_S, TegrastatsFailed, TegrastatsProbe

HANG = "exec sleep 600"


class Program:
    """A stand-in for tegrastats."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "tegrastats"
        self.starts = directory / "starts"
        self.fifo = directory / "fifo"
        os.mkfifo(self.fifo)
        self._held: TextIO | None = None

    def script(self, *commands: str, then: str = HANG) -> None:
        """What it does: commands, a word that they are done, and its end."""
        fifo = shlex.quote(str(self.fifo))
        lines = [
            "#!/bin/sh",
            f'echo "$@" >> {shlex.quote(str(self.starts))}',
            f"exec 9> {fifo}",
            *commands,
            "echo done >&9",
            then,
        ]
        self.path.write_text("\n".join(lines), encoding="utf-8")
        self.path.chmod(0o755)

    def prints(self, *lines: str, then: str = HANG) -> None:
        self.script(*(f"echo {shlex.quote(line)}" for line in lines), then=then)

    def wait_done(self) -> None:
        """Wait until it has done its commands."""
        if self._held is None:
            self._held = self.fifo.open()
        assert self._held.readline() == "done\n"

    def wait_gone(self) -> None:
        """Wait until it, and whatever it started, is dead. After `wait_done`."""
        assert self._held is not None
        assert self._held.read() == ""

    def close(self) -> None:
        if self._held is not None:
            self._held.close()

    def started(self) -> list[str]:
        """The arguments of each start."""
        return self.starts.read_text().splitlines() if self.starts.exists() else []


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path)
    yield program
    program.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def probe(program: Program, clock: Clock) -> Iterator[TegrastatsProbe]:
    probe = TegrastatsProbe(str(program.path), clock)
    yield probe
    probe.close()


def start(probe: TegrastatsProbe, clock: Clock, known: Readings | None = None) -> int:
    """Let the figures be missing for long enough; returns the process id."""
    missing = known if known is not None else Readings()
    assert probe.read(None, missing) == Readings()
    assert probe.pid is None
    clock.now += MISSING_S
    probe.read(None, missing)
    assert probe.pid is not None
    return probe.pid


def reaped(pid: int) -> bool:
    """Whether nothing is left of a child, not even a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_it_is_not_run_while_nothing_is_missing(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.prints(ORIN_BUSY)
    for _ in range(5):
        assert probe.read(None, Readings(gpu_load=0.0, power_w=5.0)) == Readings()
        clock.now += 10
    assert probe.pid is None


def test_a_figure_that_is_missing_only_for_a_moment_starts_nothing(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.prints(ORIN_BUSY)
    for _ in range(5):
        probe.read(None, Readings(power_w=5.0))
        clock.now += MISSING_S - 1
        probe.read(None, Readings(power_w=5.0, gpu_load=0.5))
        clock.now += 1
    assert probe.pid is None


def test_it_gives_what_the_others_lack_and_nothing_else(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.prints("RAM 1/2MB nonsense", ORIN_BUSY, "", "half a li")
    known = Readings(gpu_load=0.0, ram_total_bytes=1, ram_available_bytes=1, temperatures=())
    start(probe, clock, known)
    program.wait_done()
    readings = probe.read(None, known)
    assert readings["power_w"] == 12.479
    assert readings["gpu_clock_hz"] == 621_000_000
    assert readings.keys().isdisjoint(known)
    assert program.started() == ["--interval 1000"]


def test_it_is_ended_as_soon_as_nothing_is_missing_any_more(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.prints(ORIN_BUSY)
    pid = start(probe, clock)
    program.wait_done()
    assert probe.read(None, Readings())["gpu_load"] == 0.63
    assert probe.read(None, Readings(gpu_load=0.1, power_w=9.0)) == Readings()
    assert probe.pid is None
    assert reaped(pid)


def test_figures_are_dropped_when_they_are_old(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.prints(ORIN_BUSY)
    start(probe, clock)
    program.wait_done()
    assert probe.read(None, Readings())["power_w"] == 12.479
    clock.now += 2
    assert probe.read(None, Readings())["power_w"] == 12.479
    clock.now += 2
    assert probe.read(None, Readings()) == Readings()


def test_one_that_hangs_is_a_failure_and_is_ended(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.script()
    pid = start(probe, clock)
    program.wait_done()
    clock.now += SILENT_S
    assert probe.read(None, Readings()) == Readings()
    clock.now += 1
    with pytest.raises(TegrastatsFailed, match="says nothing"):
        probe.read(None, Readings())
    probe.close()
    assert reaped(pid)


@pytest.mark.parametrize(("end", "status"), [("exit 3", "3"), ("kill -SEGV $$", "-11")])
def test_one_that_dies_is_a_failure(
    probe: TegrastatsProbe, program: Program, clock: Clock, end: str, status: str
) -> None:
    program.script(then=end)
    pid = start(probe, clock)
    program.wait_done()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(TegrastatsFailed, match=f"status {status}$"):
        probe.read(None, Readings())
    assert reaped(pid)


def test_the_last_line_before_its_death_still_counts(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.prints(ORIN_BUSY, then="exit 0")
    pid = start(probe, clock)
    program.wait_done()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert probe.read(None, Readings())["power_w"] == 12.479
    with pytest.raises(TegrastatsFailed, match="status 0"):
        probe.read(None, Readings())


@pytest.mark.parametrize(
    "garbage",
    [
        "head -c 30000 /dev/urandom",
        "head -c 60000 /dev/zero",
        "echo usage: tegrastats",
        "i=0; while [ $i -lt 5000 ]; do echo; i=$((i+1)); done",
    ],
)
def test_one_that_prints_garbage_gives_no_figures_and_is_a_failure(
    probe: TegrastatsProbe, program: Program, clock: Clock, garbage: str
) -> None:
    program.script(garbage)
    start(probe, clock)
    program.wait_done()
    for _ in range(int(SILENT_S)):
        assert probe.read(None, Readings()) == Readings()
        clock.now += 1
    clock.now += 1
    with pytest.raises(TegrastatsFailed):
        probe.read(None, Readings())


def test_one_that_pours_without_end_neither_blocks_nor_fills_the_memory(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.script("echo done >&9", then="exec yes RAM of garbage 9>&-")
    start(probe, clock)
    program.wait_done()
    for _ in range(50):
        assert probe.read(None, Readings()) == Readings()


def test_one_that_cannot_be_run_is_a_failure(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.path.write_bytes(b"\x7fELF of another machine")
    program.path.chmod(0o755)
    pid = start(probe, clock)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(TegrastatsFailed, match="status 1"):
        probe.read(None, Readings())


def test_one_that_never_has_what_is_missing_is_not_run_for_it_again(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    """Thor's has no load."""
    known = Readings(power_w=5.0)
    go = program.path.with_name("go")
    os.mkfifo(go)
    program.script(f"echo '{THOR}'", "echo done >&9", f"read -r _ < {go}", f"echo '{THOR}'")
    pid = start(probe, clock, known)
    program.wait_done()
    assert probe.read(None, known)["gpu_clock_hz"] == 314_000_000
    clock.now += SILENT_S + 1
    go.write_text("\n")
    program.wait_done()
    assert probe.read(None, known) == Readings()
    assert reaped(pid)
    clock.now += 1000
    assert probe.read(None, known) == Readings()
    assert probe.pid is None
    start(probe, clock)  # now power is missing, too


def test_what_it_started_ends_with_it(
    probe: TegrastatsProbe, program: Program, clock: Clock
) -> None:
    program.script("sleep 600 &", then="wait")
    start(probe, clock)
    program.wait_done()
    probe.close()
    probe.close()
    program.wait_gone()


# --------------------------------------------------------------------- it never outlives the app

HOLDER = """
import sys
from vlmtui.hardware.base import Readings
from vlmtui.hardware.tegrastats import TegrastatsProbe

now = 0.0
probe = TegrastatsProbe(sys.argv[1], lambda: now)
probe.read(None, Readings())
now = 5.0
probe.read(None, Readings())
print(probe.pid, flush=True)
sys.stdin.readline()
"""


def test_a_kill_of_the_app_ends_it_even_while_it_hangs(program: Program) -> None:
    program.script()
    with child(HOLDER, program.path) as app:
        assert int(app.read()) > 0
        program.wait_done()
        app.kill()
        program.wait_gone()


# ------------------------------------------------------------------------------- where it is


def set_root(monkeypatch: pytest.MonkeyPatch, root: Path) -> Callable[[], TegrastatsProbe | None]:
    monkeypatch.setenv(SYSROOT_VARIABLE, str(root))
    return tegrastats.find


def test_it_is_looked_for_among_the_boards_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = set_root(monkeypatch, tmp_path)
    board = nano(tmp_path)
    assert find() is None
    board.tegrastats("#!/bin/sh\n")
    assert find() is not None
    (tmp_path / "usr/bin/tegrastats").chmod(0o644)
    assert find() is None
    board.remove("/usr/bin/tegrastats")
    (tmp_path / "usr/bin/tegrastats").mkdir()
    assert find() is None


def test_on_the_machine_itself_it_is_also_found_on_the_path(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program.script()
    monkeypatch.setattr(tegrastats, "PROGRAM", str(tmp_path / "nowhere"))
    monkeypatch.delenv(SYSROOT_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tegrastats.find() is not None
    program.path.unlink()
    assert tegrastats.find() is None
