"""`vlmtui models quantize` as a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench import make_model
from tests.cli.conftest import PROGRAM, Run
from tests.engine import zoo
from tests.models.shelves import put
from vlmtui import demo

Draw = Callable[..., Path]


def test_a_model_is_made_smaller_and_loaded(run: Run, tmp_path: Path) -> None:
    files = zoo.build("internvl3", tmp_path)
    target = tmp_path / "small.gguf"
    ended = run("models", "quantize", files.model, target, "--to", "Q8_0")
    assert ended.code == 0, ended.err
    assert "→" in ended.out
    assert "It loads." in ended.out
    assert "0 %" in ended.err
    assert "\r" not in ended.err
    assert target.is_file()


def test_a_dry_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    files = zoo.build("internvl3", tmp_path)
    before = sorted(tmp_path.glob("*.gguf"))
    command = ("models", "quantize", files.model, tmp_path / "small.gguf", "--to", "Q8_0")
    told = json.loads(run(*command, "--dry-run", "--json").out)
    assert told["dry_run"] is True
    assert told["target_bytes"] < told["source_bytes"]
    assert sorted(tmp_path.glob("*.gguf")) == before


def test_the_answers_stand_side_by_side(run: Run, tmp_path: Path, picture: Draw) -> None:
    """The demo model says the same about a picture with a smaller vision tower."""
    scene = picture("red circle at top left")
    question = "What is in the picture?"
    target = tmp_path / "mmproj-q8_0.gguf"
    ended = run(
        *("models", "quantize", demo.mmproj_path(), target, "--to", "Q8_0", "--json"),
        *("--with", "demo", "--check", scene, question),
    )
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["loads"] is True
    before, after = told["answers"]
    assert (before["which"], after["which"]) == ("before", "after")
    assert before["tokens"] > 3
    assert "circle" in before["answer"]
    assert "circle" in after["answer"]


def test_a_tower_alone_is_made_and_not_loaded(run: Run, tmp_path: Path) -> None:
    tower = put(tmp_path / "alone" / "mmproj.gguf", demo.mmproj_path().read_bytes())
    command = ("models", "quantize", tower, tmp_path / "m.gguf", "--to", "Q8_0")
    ended = run(*command)
    assert ended.code == 0
    assert "--with" in ended.out
    refused = run(*command, "--force", "--check", demo.sample_images()[0], "What is it?")
    assert refused.code == 2
    assert "can't answer alone" in refused.err


def test_a_tower_is_tried_with_the_model_that_lies_beside_it(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "pair" / "model.gguf", demo.model_path().read_bytes())
    put(tmp_path / "pair" / "broken.gguf", demo.model_path().read_bytes()[:-9])
    tower = put(tmp_path / "pair" / "mmproj.gguf", demo.mmproj_path().read_bytes())
    command = ("models", "quantize", tower, tmp_path / "m.gguf", "--to", "Q8_0", "--json")
    ended = run(*command, "--check", demo.sample_images()[0], "What is it?")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["loads"] is True
    assert len(told["answers"]) == 2


def test_a_result_that_can_not_be_loaded_is_not_kept(run: Run, tmp_path: Path) -> None:
    """A model without a tokenizer: llama.cpp quantises it, and refuses to load it."""
    from gguf import GGUFReader, GGUFWriter

    reader = GGUFReader(zoo.build("internvl3", tmp_path).model)
    source = tmp_path / "mute.gguf"
    writer = GGUFWriter(source, "qwen2")
    for name, field in reader.fields.items():
        if name.startswith("qwen2."):
            writer.add_key_value(name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ended = run("models", "quantize", source, tmp_path / "out.gguf", "--to", "Q8_0")
    assert ended.code == 1
    assert "can't be loaded" in ended.err
    assert not (tmp_path / "out.gguf").exists()
    assert not list(tmp_path.glob(".*"))


def test_refusals_are_code_2(run: Run, tmp_path: Path) -> None:
    ended = run("models", "quantize", demo.model_path(), tmp_path / "x.gguf", "--to", "Q4_K_M")
    assert ended.code == 2
    assert "--allow-requantize" in ended.err
    ended = run("models", "quantize", tmp_path / "no.gguf", tmp_path / "x.gguf", "--to", "Q8_0")
    assert ended.code == 2
    assert "no.gguf" in ended.err


def test_a_terminated_run_leaves_nothing_behind(tmp_path: Path) -> None:
    source = make_model.ensure("small", tmp_path / "small").model
    target = tmp_path / "out.gguf"
    command = ("models", "quantize", source, target, "--to", "Q3_K_M", "--allow-requantize")
    with subprocess.Popen(
        [*PROGRAM, *map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stderr is not None
        assert b"0 %" in process.stderr.readline()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert not target.exists()
    assert not list(tmp_path.glob(".*"))
