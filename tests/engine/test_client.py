"""The engine's process dies, and the app lives: real signals on the real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.engine.asking import GREEDY, ask
from tests.engine.conftest import demo_load
from vlmtui import errors
from vlmtui.engine import death
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Encoding, Finished, Loaded, Loading, Prefill
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.messages import user

ENDLESS = Sampling(temperature=50.0, top_k=0, top_p=1.0, min_p=0.0, seed=1)


def kill_at(engine: EngineClient, request: Generate, kind: type, how: int = signal.SIGKILL) -> None:
    """Send a signal to the process as soon as an event of that kind comes."""
    for event in engine.generate(request):
        if isinstance(event, kind) and not (isinstance(event, Prefill) and not event.done):
            os.kill(engine.pid, how)


def test_death_while_loading_is_told_as_such(tmp_path):
    engine = EngineClient(tmp_path / "engine.log")
    try:
        list(engine.load(demo_load()))
        os.kill(engine.pid, signal.SIGSTOP)  # so that the load can't finish before the kill
        stream = engine.load(demo_load())
        killer = threading.Timer(0.2, os.kill, (engine.pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(errors.EngineCrashed) as caught:
            list(stream)
        killer.join()
        assert caught.value.phase == "load"
        assert "loading the model (demo)" in caught.value.message
        assert engine.info is None and engine.pid is None
        assert isinstance(list(engine.load(demo_load()))[-1], Finished)
        assert engine.info is not None
    finally:
        engine.close()


def test_death_while_encoding_is_told_as_such(engine, picture):
    large = picture(seed=1, size=3000)  # half a second of decoding and scaling
    with pytest.raises(errors.EngineCrashed) as caught:
        kill_at(engine, Generate((user("What is it?", (large,)),), GREEDY), Encoding)
    assert caught.value.phase == "encode"
    assert "encoding a picture" in caught.value.message


def test_death_while_prefilling_is_told_as_such(start):
    engine = start(batch=32)
    request = Generate((user("Is there a red circle or a blue square? " * 100),), GREEDY)
    with pytest.raises(errors.EngineCrashed) as caught:
        kill_at(engine, request, Prefill)
    assert caught.value.phase == "prefill"
    assert "reading the prompt" in caught.value.message


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (signal.SIGKILL, "memory ran out"),
        (signal.SIGABRT, "gave up"),
        (signal.SIGSEGV, "SIGSEGV"),
    ],
)
def test_death_while_answering_says_why_and_the_next_request_starts_anew(
    engine, tmp_path, how, said
):
    first = engine.pid
    with pytest.raises(errors.EngineCrashed) as caught:
        kill_at(engine, Generate((user("Hello"),), ENDLESS), Delta, how)
    assert caught.value.phase == "decode"
    assert caught.value.memory_was_short == (how == signal.SIGKILL)
    assert said in caught.value.message
    assert "next message starts the engine again" in caught.value.hint
    assert str(tmp_path / "engine-0.log") in caught.value.hint
    assert engine.pid is None
    answer = ask(engine, user("Hello"))
    assert engine.pid not in (None, first)
    kinds = [type(event) for event in answer.events]
    assert kinds.index(Loading) < kinds.index(Loaded) < kinds.index(Delta)
    assert kinds.count(Finished) == 1


def test_the_log_of_the_dead_process_comes_with_the_error(engine):
    with pytest.raises(errors.EngineCrashed) as caught:
        kill_at(engine, Generate((user("Hello"),), ENDLESS), Delta, signal.SIGABRT)
    assert "Aborted" in caught.value.log_tail
    assert "worker.py" not in caught.value.log_tail


def test_an_abort_for_want_of_memory_doesnt_blame_the_model_file():
    log = "ggml_aligned_malloc: insufficient memory (attempted to allocate   4.28 MB)"
    for phase in ("load", "decode"):
        cause, hint = death.explain(-signal.SIGABRT, phase, f"{log}\nGGML_ASSERT(buffer) failed")
        assert "memory" in cause
        assert "ulimit" in hint and "file" not in hint
    assert "model file" in death.explain(-signal.SIGABRT, "load", "GGML_ASSERT(x) failed")[1]
    assert "ulimit -u" in death.explain(1, "load", "RuntimeError: can't start new thread")[1]


def test_death_while_idle_is_not_even_noticed(engine):
    os.kill(engine.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(engine._process.pid)], timeout=60)
    assert ask(engine, user("Hello")).text


def test_closing_while_answering_ends_the_stream(engine):
    stream = engine.generate(Generate((user("Hello"),), ENDLESS))
    for event in stream:
        if isinstance(event, Delta):
            break
    closer = threading.Thread(target=engine.close)
    closer.start()
    last = list(stream)[-1]
    closer.join()
    assert isinstance(last, Finished)
    assert engine.pid is None


def test_closing_twice_and_before_the_start_is_fine(tmp_path):
    engine = EngineClient(tmp_path / "engine.log")
    engine.close()
    engine.close()
    with pytest.raises(errors.EngineError):
        list(engine.load(demo_load()))


def test_the_process_ends_when_the_app_is_killed(tmp_path):
    """Nothing may keep GPU memory after a SIGKILL of the app."""
    script = (
        "import sys, pathlib; from vlmtui.engine.client import EngineClient;"
        "from tests.engine.conftest import demo_load;"
        f"engine = EngineClient(pathlib.Path({str(tmp_path / 'log')!r}));"
        "list(engine.load(demo_load())); print(engine.pid, flush=True); sys.stdin.read()"
    )
    app = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(app.stdout.readline()))
    app.kill()
    app.communicate()
    child.wait(timeout=30)
    assert not child.is_running()


def test_a_process_that_ignores_everything_is_killed_at_the_close(engine):
    process = psutil.Process(engine.pid)
    process.suspend()
    engine.close()
    assert not process.is_running()


def test_unloading_ends_the_process_with_all_its_memory_and_loads_nothing_again(engine):
    process = psutil.Process(engine.pid)
    engine.unload()
    assert not process.is_running()
    assert engine.pid is None and engine.info is None
    with pytest.raises(errors.GenerateFailed, match="No model"):
        ask(engine, user("Hello"))
    list(engine.load(demo_load()))
    assert ask(engine, user("Hello")).text


def test_a_file_in_the_current_directory_does_not_pose_as_a_library(tmp_path, monkeypatch):
    (tmp_path / "llama_cpp.py").write_text("raise SystemExit(3)")
    (tmp_path / "socket.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    engine = EngineClient(tmp_path / "engine.log")
    try:
        assert isinstance(list(engine.load(demo_load()))[-1], Finished)
    finally:
        engine.close()


def broken(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_files_that_are_no_model_are_told_with_the_reason(tmp_path):
    demo = demo_load()
    whole = Path(demo.files.model).read_bytes()
    cases = {
        broken(tmp_path, "empty.gguf", b""): "empty",
        broken(tmp_path, "page.gguf", b"<!DOCTYPE html>"): "<!DO",
        broken(tmp_path, "cut.gguf", whole[: len(whole) // 2]): "cut.gguf",
        broken(tmp_path, "head.gguf", whole[:200]): "head.gguf",
        tmp_path / "missing.gguf": "No such file",
        Path(demo.files.mmproj): "CLIP",
    }
    engine = EngineClient(tmp_path / "engine.log")
    try:
        for path, said in cases.items():
            with pytest.raises(errors.LoadFailed) as caught:
                list(engine.load(Load(Files(str(path)))))
            assert said in caught.value.message, path
            assert str(path) in caught.value.message
            assert caught.value.hint
            assert engine.info is None
        list(engine.load(demo))
        assert ask(engine, user("Hello")).text
    finally:
        engine.close()


def test_a_language_model_given_as_projector_is_told(start, tmp_path):
    demo = demo_load()
    engine = EngineClient(tmp_path / "engine.log")
    try:
        with pytest.raises(errors.LoadFailed, match="vision tower") as caught:
            list(engine.load(Load(Files(demo.files.model, demo.files.model))))
        assert "mmproj" in caught.value.hint
    finally:
        engine.close()


def test_an_unknown_backend_is_told(tmp_path):
    engine = EngineClient(tmp_path / "engine.log")
    try:
        with pytest.raises(errors.LoadFailed, match="magic"):
            list(engine.load(msgspec.structs.replace(demo_load(), backend="magic")))
    finally:
        engine.close()


def test_cancelling_a_load_leaves_nothing_loaded(tmp_path):
    engine = EngineClient(tmp_path / "engine.log")
    try:
        stream = engine.load(demo_load())
        assert isinstance(next(stream), Loading)
        engine.cancel()
        last = list(stream)[-1]
        # the demo model loads in milliseconds, so the cancel may come too late
        assert last.reason in ("cancelled", "done")
        assert (engine.info is None) == (last.reason == "cancelled")
    finally:
        engine.close()


def test_the_log_does_not_grow_without_end(tmp_path):
    log = tmp_path / "engine.log"
    log.write_bytes(b"x" * 2_000_000)
    engine = EngineClient(log)
    try:
        list(engine.load(demo_load()))
    finally:
        engine.close()
    assert log.stat().st_size < 1_000_000


def test_requests_from_two_threads_take_their_turns(engine):
    answers: list[str] = []

    def work() -> None:
        answers.append(ask(engine, user("Hello")).text)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 3 and len(set(answers)) == 1


def test_the_kernel_takes_the_engine_first_when_memory_runs_out(engine):
    score = Path(f"/proc/{engine.pid}/oom_score_adj")
    if not score.exists():
        pytest.skip("no /proc here")
    assert int(score.read_text()) > int(Path("/proc/self/oom_score_adj").read_text())


def test_nothing_is_left_open_after_many_engines(tmp_path):
    before = psutil.Process().num_fds()
    for number in range(3):
        engine = EngineClient(tmp_path / f"{number}.log")
        list(engine.load(demo_load()))
        engine.close()
    assert psutil.Process().num_fds() == before
