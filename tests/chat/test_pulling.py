"""Whether a model will fit is told from its headers, before it is downloaded."""

from __future__ import annotations

from pathlib import Path

from tests.models.hub import model_bytes, tower_bytes
from vlmtui.chat.pulling import outlook
from vlmtui.errors import BadModelFile, FetchFailed
from vlmtui.models.download import Plan, RemoteFile
from vlmtui.models.fit import Machine

GB = 1_000_000_000
ROOMY = Machine(8 * GB, 16 * GB)


def remote(path: Path, role: str, url: str = "http://127.0.0.1:9/model.gguf") -> RemoteFile:
    return RemoteFile(path.name, role, url, None, path, path, path, path)  # type: ignore[arg-type]


def plan(folder: Path, **how: str) -> Plan:
    model, tower = folder / "model.gguf", folder / "mmproj.gguf"
    model.write_bytes(model_bytes(200_000, **how))
    tower.write_bytes(tower_bytes(100_000))
    return Plan("tiny", "tiny", (remote(model, "model"), remote(tower, "mmproj")), folder)


def test_a_small_model_fits_a_large_machine(tmp_path: Path) -> None:
    expected = outlook(plan(tmp_path), ROOMY)
    assert expected.fit is not None
    assert expected.fit.verdict == "yes"
    assert "it fits into memory" in expected.words
    assert not expected.warns


def test_what_does_not_fit_warns_with_the_figures(tmp_path: Path) -> None:
    expected = outlook(plan(tmp_path), Machine(1_000_000, 16 * GB))
    assert expected.fit is not None
    assert expected.fit.verdict == "no"
    assert "tiny needs 0." in expected.words
    assert expected.warns


def test_what_llama_cpp_can_not_load_warns(tmp_path: Path) -> None:
    expected = outlook(plan(tmp_path, architecture="strange"), ROOMY)
    assert isinstance(expected.problem, BadModelFile)
    assert expected.warns


def test_headers_that_can_not_be_had_are_no_reason_to_ask(tmp_path: Path) -> None:
    missing = Plan("tiny", "tiny", (remote(tmp_path / "model.gguf", "model"),), tmp_path)
    expected = outlook(missing, ROOMY)
    assert isinstance(expected.problem, FetchFailed)
    assert not expected.warns
