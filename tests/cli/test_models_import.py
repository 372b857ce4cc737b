"""`vlmtui models import` as a program."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Run
from tests.models.convert import checkpoints, qwen_checkpoint
from tests.models.convert.checkpoints import Shape
from vlmtui.errors import ImportFailed
from vlmtui.models import gguf
from vlmtui.models.convert import importing
from vlmtui.models.file_maker import Progress

pytest.importorskip("safetensors", reason="the extra awq is not installed")


@pytest.fixture(scope="module")
def vila(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "VILA1.5-tiny-AWQ"
    return checkpoints.vila(folder, tower_layers=2, units=16).folder


@pytest.fixture
def models(home: Path) -> Path:
    return home / "data" / "models"


def test_a_checkpoint_becomes_a_model_that_answers(run: Run, vila: Path, models: Path) -> None:
    ended = run("models", "import", vila, "--name", "vila")
    assert ended.code == 0, ended.err
    assert "VILA1.5, 4-bit AWQ, as Q4_1" in ended.out
    assert "Ready: vlmtui --model vila" in ended.out
    assert "vila: 0 %" in ended.err and "\r" not in ended.err
    assert sorted(path.name for path in (models / "vila").iterdir()) == [
        "mmproj-vila.gguf",
        "vila.gguf",
    ]
    listed = json.loads(run("models", "--here", "--json").out)
    assert "vila" in json.dumps(listed)
    info = run("models", "info", "vila")
    assert "Q4_1" in info.out and "mmproj-vila.gguf" in info.out
    again = run("models", "import", vila, "--name", "vila")
    assert again.code == 2
    assert "already exists" in again.err
    assert run("models", "rm", "vila", "--yes").code == 0
    assert not (models / "vila" / "vila.gguf").exists()


def test_a_dry_run_says_what_would_come_of_it(run: Run, vila: Path, models: Path) -> None:
    ended = run("models", "import", vila, "--head", "q8_0", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["family"] == "VILA1.5" and told["quantised"] is True
    assert told["name"] == "VILA1.5-tiny-AWQ" and told["head"] == "q8_0"
    assert told["dry_run"] is True and told["loads"] is None
    assert not models.exists() or not list(models.iterdir())
    large = json.loads(run("models", "import", vila, "--dry-run", "--json").out)
    spared = large["model_bytes"] - told["model_bytes"]
    assert spared == pytest.approx(large["head_bytes"] * 30 / 64, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config.json": {"s2": True}}, "VILA1.5-S2"),
        ({"vision_tower/config.json": {"model_type": "intern_vit_6b"}}, "VILA1.5-40B"),
        ({"mm_projector/config.json": {"mm_projector_type": "mlp_downsample_3x3_fix"}}, "NVILA"),
        ({"llm/config.json": {"model_type": "qwen2"}}, "NVILA"),
        ({"config.json": {"mm_use_im_start_end": True}}, "mm_use_im_start_end"),
        ({"vision_tower/config.json": {"image_size": 448}}, "not a SigLIP for 384x384"),
        ({"llm/config.json": {"hidden_act": "gelu"}}, "hidden_act"),
    ],
)
def test_relatives_are_refused_in_a_sentence(
    changes: dict[str, dict[str, object]], said: str, run: Run, vila: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    subprocess.run(["cp", "-r", vila, folder], check=True)
    for name, values in changes.items():
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    ended = run("models", "import", folder)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_what_is_missing_is_named(run: Run, vila: Path, tmp_path: Path, models: Path) -> None:
    folder = tmp_path / "broken"
    for name in (
        "mm_projector/model.safetensors",
        "llm/tokenizer.model",
        "vision_tower/config.json",
        "config.json",
    ):
        subprocess.run(["cp", "-rT", vila, folder], check=True)
        (folder / name).unlink()
        ended = run("models", "import", folder)
        assert ended.code == 2, name
        assert str(folder / name.rpartition("/")[0]).rstrip("/") in ended.err
        assert not (models / "broken").exists()
    ended = run("models", "import", tmp_path / "nowhere")
    assert ended.code == 2 and "There is no directory" in ended.err
    ended = run("models", "import", vila, "--name", "../up")
    assert ended.code == 2 and "can't be called" in ended.err


def test_an_import_that_was_stopped_goes_on_where_it_was(run: Run, vila: Path, home: Path) -> None:
    job = importing.job(vila, "v")
    *_, made = importing.run(job)
    assert isinstance(made, importing.Contents)
    assert made.rounding is not None
    assert not job.model.exists() and not job.mmproj.exists()
    drafts = [job.draft(file) for file in job.files]
    whole = [draft.read_bytes() for draft in drafts]
    assert "v " not in run("models", "--here").out  # nobody takes a draft for a model
    os.truncate(drafts[1], len(whole[1]) // 2)
    drafts[0].unlink()
    begun = [step for step in importing.run(job) if isinstance(step, Progress)]
    assert begun[0].fraction > 0.3
    assert [draft.read_bytes() for draft in drafts] == whole
    ended = run("models", "import", vila, "--name", "v")
    assert ended.code == 0, ended.err
    assert [file.read_bytes() for file in job.files] == whole
    assert not list(job.folder.glob(".*"))


def test_a_tokenizer_may_lie_beside_the_three_parts(vila: Path, tmp_path: Path, home: Path) -> None:
    """VILA's own code looks there, too."""
    folder = tmp_path / "v"
    subprocess.run(["cp", "-r", vila, folder], check=True)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        (folder / "llm" / name).rename(folder / name)
    assert importing.look(importing.job(folder, "v")).family == "VILA1.5"


def test_a_qwen_vl_is_told_by_its_name(tmp_path: Path, home: Path) -> None:
    made = qwen_checkpoint.qwen(tmp_path / "c", layout="gemm", layers=1)
    found = importing.look(importing.job(made.folder, "q"))
    assert (found.family, found.quantised) == ("Qwen2.5-VL", True)
    assert found.mmproj_bytes > 2 * sum(value.size for value in made.tower.values())


def test_leaving_early_ends_the_process(vila: Path, home: Path) -> None:
    job = importing.job(vila, "v")
    with closing(importing.run(job)) as steps:
        next(steps)
    assert not psutil.Process().children()
    importing.discard(job)
    assert not job.folder.exists()


def test_a_changed_checkpoint_is_not_gone_on_with(tmp_path: Path, home: Path) -> None:
    made = checkpoints.text_model(tmp_path / "c", layout="gemm", shape=Shape(layers=1))
    job = importing.job(made.folder, "c")
    job.folder.mkdir(parents=True)
    list(importing.run(job))
    draft = job.draft(job.model)
    inode = draft.stat().st_ino
    before = draft.read_bytes()
    time.sleep(0.02)
    checkpoints.text_model(tmp_path / "c", layout="gemv", shape=Shape(layers=1))
    list(importing.run(job))
    assert draft.stat().st_ino == inode
    assert len(draft.read_bytes()) == len(before) and draft.read_bytes() != before
    importing.finish(job)
    assert gguf.from_path(job.model).architecture == "llama"


def test_a_disk_that_is_too_small_is_told(
    tiny_disk: Path, vila: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLMTUI_HOME", str(tiny_disk / "home"))
    ended = run("models", "import", vila)
    assert ended.code == 1
    assert "no room" in ended.err
    assert "VLMTUI_HOME" in ended.err


def test_libraries_that_are_missing_are_told_before_anything_is_fetched(
    vila: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importing.importlib.util.find_spec
    monkeypatch.setattr(
        importing.importlib.util, "find_spec", lambda name: None if name == "numpy" else find(name)
    )
    with pytest.raises(ImportFailed, match="needs numpy") as caught:
        importing.job(vila, "v")
    assert "-m pip install numpy" in caught.value.hint
