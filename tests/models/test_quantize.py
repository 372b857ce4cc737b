"""Quantising with llama.cpp: what is refused, what comes out, what is left of an early end."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from bench import make_model
from tests.engine import zoo
from tests.models import headers
from tests.models.shelves import put
from tests.processes import Child
from vlmtui import demo
from vlmtui.errors import BadModelFile, InputError, QuantizeFailed, StorageError
from vlmtui.models import file_maker, gguf, quantize
from vlmtui.models.file_maker import Progress
from vlmtui.models.gguf.quants import FILE_TYPES
from vlmtui.models.quantize import Quantization, Result


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> zoo.Files:
    """A model and its tower in F32."""
    return zoo.build("minicpm-v-2.6", tmp_path_factory.mktemp("zoo"))


_UNTIL_KILLED = """
import os, signal, sys
from pathlib import Path
from vlmtui.models import quantize
steps = quantize.run(quantize.prepare(Path(sys.argv[1]), Path(sys.argv[2]), "Q8_0"), 0)
next(steps)
child = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[0]
os.kill(int(child), signal.SIGSTOP)
print(child, flush=True)
sys.stdin.read()
"""


def made(job: Quantization) -> Result:
    (*steps, result) = quantize.run(job, 0)
    assert isinstance(result, Result)
    assert all(isinstance(step, Progress) and 0 <= step.fraction <= 1 for step in steps)
    assert len(steps) == len(job.header.tensors)
    file_maker.settle(job.draft, job.target)
    return result


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("to", "quant"), [("Q8_0", "Q8_0"), ("f16", "F16"), ("Q5_0", "Q5_0")])
def test_a_model_becomes_what_was_asked_for(
    to: str, quant: str, files: zoo.Files, tmp_path: Path
) -> None:
    before = files.model.read_bytes()
    job = quantize.prepare(files.model, tmp_path / "out.gguf", to)
    reckoned = quantize.dry_run(job)
    assert leftovers(tmp_path) == ["home"]
    result = made(job)
    header = gguf.from_path(job.target)
    assert quant in {tensor.quant for tensor in header.tensors}
    assert result.target_bytes == job.target.stat().st_size
    assert result.target_bytes == pytest.approx(reckoned.target_bytes, abs=20_000)
    assert result.source_bytes == len(before)
    assert files.model.read_bytes() == before
    assert leftovers(tmp_path) == ["home", "out.gguf"]


def test_a_vision_tower_becomes_q8_0(files: zoo.Files, tmp_path: Path) -> None:
    job = quantize.prepare(files.mmproj, tmp_path / "out.gguf", "Q8_0")
    assert job.is_mmproj
    result = made(job)
    assert result.target_bytes < 0.8 * result.source_bytes
    assert gguf.from_path(job.target).architecture == "clip"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("Q3_XXL", "is not a type"),
        ("IQ2_XXS", "importance matrix"),
        ("q2_k_s", "importance matrix"),
    ],
)
def test_types_that_can_not_be_made_are_refused(
    to: str, said: str, files: zoo.Files, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        quantize.prepare(files.model, tmp_path / "out.gguf", to)
    assert "Q2_K" in caught.value.hint


def test_a_vision_tower_is_not_made_smaller_than_q8_0(files: zoo.Files, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="F16 or Q8_0"):
        quantize.prepare(files.mmproj, tmp_path / "out.gguf", "Q4_K_M")


def test_what_is_quantised_is_quantised_again_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    with pytest.raises(InputError, match=r"quantised already \(Q8_0\)") as caught:
        quantize.prepare(demo.model_path(), target, "Q4_K_M")
    assert "--allow-requantize" in caught.value.hint
    result = made(quantize.prepare(demo.model_path(), target, "Q4_K_M", requantise=True))
    assert result.fallbacks == 30  # rows of 192 are no whole blocks of 256
    assert result.target_bytes < result.source_bytes


def test_files_that_are_there_stay(files: zoo.Files, tmp_path: Path) -> None:
    target = put(tmp_path / "out.gguf", b"mine")
    with pytest.raises(InputError, match="already exists"):
        quantize.prepare(files.model, target, "Q8_0")
    job = quantize.prepare(files.model, target, "Q8_0", overwrite=True)
    assert target.read_bytes() == b"mine"
    made(job)
    assert target.read_bytes().startswith(b"GGUF")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("out.bin", "not a name for a model"),
        ("nowhere/out.gguf", "no directory"),
        (".", "not a name"),
    ],
)
def test_targets_that_can_not_be_are_refused(
    target: str, said: str, files: zoo.Files, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        quantize.prepare(files.model, tmp_path / target, "Q8_0")


def test_the_source_is_never_the_target(files: zoo.Files, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(files.model)
    with pytest.raises(InputError, match="the source itself"):
        quantize.prepare(files.model, link, "Q8_0", overwrite=True)


def test_a_damaged_source_is_told(files: zoo.Files, tmp_path: Path) -> None:
    cut = put(tmp_path / "cut.gguf", files.model.read_bytes()[:-1000])
    with pytest.raises(BadModelFile, match="cut off"):
        quantize.prepare(cut, tmp_path / "out.gguf", "Q8_0")


def test_what_llama_cpp_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    odd = put(tmp_path / "odd.gguf", headers.model(architecture="llama", layers=1))
    job = quantize.prepare(odd, tmp_path / "out.gguf", "Q8_0", requantise=True)
    with pytest.raises(QuantizeFailed, match=r"can't quantise .*odd\.gguf: .*llama") as caught:
        list(quantize.run(job, 0))
    assert "quantize.log" in caught.value.hint
    file_maker.discard(job.draft)
    assert leftovers(tmp_path) == ["home", "odd.gguf"]


def test_leaving_early_kills_the_process_and_leaves_nothing(tmp_path: Path) -> None:
    source = make_model.ensure("small", tmp_path / "small").model
    job = quantize.prepare(source, tmp_path / "out.gguf", "Q3_K_M", requantise=True)
    with closing(cast("Any", quantize.run(job, 0))) as steps:
        assert isinstance(next(steps), Progress)
        assert psutil.Process().children()
    assert not psutil.Process().children()
    file_maker.discard(job.draft)
    assert leftovers(tmp_path) == ["home", "small"]


def test_a_killed_program_takes_the_process_with_it(files: zoo.Files, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    program = Child(_UNTIL_KILLED, files.model, target)
    child = psutil.Process(int(program.read()))
    program.kill()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not target.exists()


def test_what_a_killed_process_left_is_deleted_and_a_running_one_s_is_not(
    tmp_path: Path, files: zoo.Files
) -> None:
    left = tmp_path / ".out.gguf.99999999.part"
    running = tmp_path / f".out.gguf.{os.getppid()}.part"
    other = tmp_path / ".other.gguf.99999999.part"
    for draft in (left, running, other):
        draft.write_bytes(b"x")
    job = quantize.prepare(files.model, tmp_path / "out.gguf", "F16")
    list(quantize.run(job, 0))
    assert [draft.exists() for draft in (left, running, other)] == [False, True, True]


def test_what_is_no_file_is_not_replaced(tmp_path: Path, files: zoo.Files) -> None:
    os.mkfifo(tmp_path / "out.gguf")
    with pytest.raises(InputError, match="is not a name for a model"):
        quantize.prepare(files.model, tmp_path / "out.gguf", "F16", overwrite=True)


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    tiny_disk: Path, files: zoo.Files
) -> None:
    job = quantize.prepare(files.model, tiny_disk / "out.gguf", "F16")
    with pytest.raises(StorageError, match=r"no room for .*out\.gguf"):
        list(quantize.run(job, quantize.dry_run(job).target_bytes))
    assert not job.draft.exists()


def test_a_disk_that_fills_up_on_the_way_is_told(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_maker, "ROOM_LEFT", 0)
    job = quantize.prepare(demo.mmproj_path(), tiny_disk / "out.gguf", "Q8_0")
    with pytest.raises(StorageError, match="no room for"):
        list(quantize.run(job, 0))
    file_maker.discard(job.draft)
    assert not list(tiny_disk.glob("*.gguf"))
    assert not job.draft.exists()


def test_file_types_are_those_of_the_library() -> None:
    code = (
        "from llama_cpp import llama_cpp as low\n"
        "for name in dir(low):\n"
        "    if name.startswith('LLAMA_FTYPE_') and 'GUESSED' not in name:\n"
        "        print(getattr(low, name), name.split('_', 3)[3])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    theirs = dict(line.split(" ", 1) for line in told.stdout.splitlines())
    assert {str(number): name for number, name in FILE_TYPES.items()} == theirs
    assert set(quantize.TYPES) <= set(FILE_TYPES.values())
