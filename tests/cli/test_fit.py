"""`vlmtui models fit`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import shapes
from tests.cli.conftest import Run
from tests.hardware.boards import Board
from tests.models import headers
from tests.models.test_gguf_url import serving
from vlmtui.chat import fitting
from vlmtui.cli import run as run_in_process
from vlmtui.models.fit import Machine


def test_the_demo_model_fits(run: Run) -> None:
    ended = run("models", "fit", "demo")
    assert ended.code == 0
    assert "demo: a context of 2,048 tokens, KV cache in f16" in ended.out
    assert "Yes, it fits" in ended.out
    parts = ("weights", "KV cache", "buffers", "vision tower", "encoding a picture", "together")
    assert all(part in ended.out for part in parts)


def test_json_has_every_part_in_bytes(run: Run) -> None:
    ended = run("models", "fit", "demo", "--ctx", "1024", "--json")
    told = json.loads(ended.out)
    assert (told["verdict"], told["source"]) == ("yes", "simulated load")
    assert told["setup"]["ctx"] == 1024
    need = told["need"]
    total = need.pop("total")
    assert sum(part["host"] for part in need.values()) == total["host"]
    assert told["left"] == told["machine"]["free"] - total["host"]


def test_bad_files_are_code_2(run: Run, tmp_path: Path) -> None:
    page = headers.write(tmp_path / "page.gguf", b"<!DOCTYPE html>")
    ended = run("models", "fit", page)
    assert (ended.code, ended.out) == (2, "")
    assert "a web page" in ended.err
    missing = run("models", "fit", "/no/such/model.gguf")
    assert missing.code == 2


def board(free: float) -> Machine:
    return Machine(free=round(free * 1e9), total=8_000_000_000, shared=True)


def ask_a_small_board(
    monkeypatch: pytest.MonkeyPatch, home: Path, machine: Machine, *arguments: str
) -> int:
    monkeypatch.setenv("VLMTUI_HOME", str(home))
    monkeypatch.setattr(fitting, "this_machine", lambda *_: machine)
    return run_in_process(["models", "fit", *arguments])


def test_what_does_not_fit_is_code_3_with_what_would(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = shapes.write("llava-7b", tmp_path)
    code = ask_a_small_board(monkeypatch, tmp_path, board(6.3), str(files.model))
    out = capsys.readouterr().out
    assert code == 3
    assert "No: llava-7b needs 6." in out
    assert "GB are free" in out
    assert "a context of " in out
    assert "the KV cache in q8_0" in out
    assert "use a smaller model: " in out


def test_tight_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = shapes.write("llava-7b", tmp_path)
    assert ask_a_small_board(monkeypatch, tmp_path, board(7.0), str(files.model)) == 0
    assert "Tight" in capsys.readouterr().out


def test_a_model_that_is_not_here_is_judged_by_its_header(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = shapes.write("llama-0.1", tmp_path)
    with files.model.open("rb") as file:
        beginning = file.read(4_000_000)
    with serving(beginning) as site:
        site.whole = files.model.stat().st_size
        arguments = (site.url, "--mmproj", str(files.mmproj), "--json")
        assert ask_a_small_board(monkeypatch, tmp_path, board(6.0), *arguments) == 0
        assert site.sent < 4_000_000
    told = json.loads(capsys.readouterr().out)
    assert told["source"] == "header"
    assert 300e6 < sum(told["need"]["total"].values()) < 900e6


def test_nobody_there_is_code_1(run: Run) -> None:
    with serving(b"") as site:
        url = site.url
    ended = run("models", "fit", url)
    assert ended.code == 1
    assert "can't be reached" in ended.err


def test_a_question_on_a_small_board_is_answered_with_a_smaller_context(
    run: Run, tmp_path: Path
) -> None:
    board_ = Board(tmp_path / "board")
    board_.write("/proc/device-tree/model", "NVIDIA Jetson Orin Nano")
    board_.write("/proc/meminfo", "MemTotal: 7802000 kB\nMemAvailable: 340000 kB")
    files = shapes.write("llama-0.1", tmp_path)
    env = {"VLMTUI_SYSROOT": str(board_.root)}
    ended = run("ask", "--model", files.model, "--json", "--max-tokens", "1", "Hello", env=env)
    assert ended.code == 0
    assert "llama-0.1 needs 0.4" in ended.err
    size = json.loads(ended.out)["stats"]["context_size"]
    assert f"It is loaded with a context of {size:,} tokens." in ended.err
    assert 1024 <= size < 4096
