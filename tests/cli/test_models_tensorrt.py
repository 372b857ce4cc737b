"""Vision towers as graphs, from the command line: made, compared, used, removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vlmtui import demo

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

SAMPLE = demo.sample_images()[0]


def test_a_graph_is_made_compared_used_and_removed(run: Run) -> None:
    asked = ("ask", "--image", SAMPLE, "--temperature", "0", "What is in the picture?")
    before = run(*asked).out
    made = json.loads(run("models", "tensorrt", "demo", "--onnx", "--json").out)
    assert (made["runner"], made["half"], made["agrees"]) == ("onnxruntime", True, True)
    assert 0 < made["difference"] < 5e-3
    assert Path(made["path"]).stat().st_size == made["bytes"]
    assert run(*asked).out == before
    told = run("models", "tensorrt", "demo", "--verify")
    assert told.code == 0
    assert "It agrees with llama.cpp's tower" in told.out
    gone = run("models", "tensorrt", "demo", "--remove")
    assert "sees through llama.cpp's own tower again" in gone.out
    assert not Path(made["path"]).exists()
    assert run("models", "tensorrt", "demo", "--verify").code == 2


def test_a_damaged_graph_is_told_of_and_answers_come_all_the_same(run: Run) -> None:
    made = json.loads(run("models", "tensorrt", "demo", "--onnx", "--fp32", "--json").out)
    Path(made["path"]).write_bytes(b"gone bad")
    ended = run("ask", "--image", SAMPLE, "--temperature", "0", "What is in the picture?")
    assert ended.code == 0
    assert "red circle" in ended.out
    ended = run("models", "tensorrt", "demo", "--verify")
    assert ended.code == 1
    assert "can't be used: onnxruntime doesn't take it" in ended.err


def test_what_cant_be_converted_says_why(run: Run, tmp_path: Path) -> None:
    ended = run("models", "tensorrt", "demo")
    if "NVIDIA" not in ended.err:
        pytest.skip("there is a GPU here")
    assert ended.code == 1
    assert "NVIDIA's driver isn't on this machine" in ended.err
    alone = tmp_path / "alone.gguf"
    shutil.copyfile(demo.model_path(), alone)
    ended = run("models", "tensorrt", str(alone), "--onnx")
    assert (ended.code, "has no vision tower" in ended.err) == (2, True)
    assert run("models", "tensorrt", "demo", "--verify", "--remove").code == 2
    assert "No graph was made" in run("models", "tensorrt", "demo", "--remove").err
