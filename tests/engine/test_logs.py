from __future__ import annotations

import os
from pathlib import Path

from tests.processes import child
from vlmtui import paths
from vlmtui.engine.client import EngineClient
from vlmtui.engine.logs import last_lines, logs_in, open_log

WRITER = """
import sys
from pathlib import Path
from vlmtui.engine.logs import open_log

log, _ = open_log(Path(sys.argv[1]))
print("open")
sys.stdin.readline()
"""


def test_each_vlmtui_has_a_log_of_its_own() -> None:
    with child("from vlmtui import paths; print(paths.engine_log_path())") as other:
        assert Path(other.read()) != paths.engine_log_path()


def test_a_plan_beside_a_loaded_model_writes_elsewhere(tmp_path: Path) -> None:
    """Or the tail of the log would be the plan's when the model's process dies."""
    from tests.engine.conftest import demo_load

    engine = EngineClient(tmp_path / "engine-7.log")
    try:
        list(engine.load(demo_load()))
        before = (tmp_path / "engine-7.log").read_bytes()
        engine.plan(demo_load())
        assert (tmp_path / "engine-7.log").read_bytes() == before
        assert (tmp_path / "engine-7-plan.log").exists()
    finally:
        engine.close()


def test_new_output_follows_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "engine-7.log"
    path.write_bytes(b"earlier\n")
    log, start = open_log(path)
    with log:
        log.write(b"now\n")
    assert path.read_bytes()[start:] == b"now\n"
    assert path.read_bytes().startswith(b"earlier")


def test_the_newest_are_kept_and_those_that_are_written_to(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"engine-{number}.log"
        path.write_bytes(b"")
        os.utime(path, (number, number))
    (tmp_path / "vlmtui.log").write_bytes(b"")
    os.utime(tmp_path / "vlmtui.log", (1, 1))
    with child(WRITER, tmp_path / "engine-0.log") as other:
        assert other.read() == "open"
        os.utime(tmp_path / "engine-0.log", (0, 0))
        open_log(tmp_path / "engine-20.log")[0].close()
        kept = {path.name for path in logs_in(tmp_path)}
    assert kept == {"engine-0.log", *(f"engine-{number}.log" for number in range(13, 21))}
    assert (tmp_path / "vlmtui.log").exists()


def test_no_place_for_a_log_is_no_obstacle() -> None:
    log, start = open_log(Path("/dev/null/engine-1.log"))
    with log:
        log.write(b"gone")
    assert start == 0


def test_the_last_lines_have_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "engine-7.log"
    path.write_text(
        "before\nllama: loading\nTraceback (most recent call last):\n"
        '  File "worker.py", line 1, in main\n    start()\nRuntimeError: no more threads\n'
    )
    assert last_lines(path, len("before\n")) == "llama: loading\nRuntimeError: no more threads"
