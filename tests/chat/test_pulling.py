"""Whether a model will fit is told from its headers, before it is downloaded."""

from __future__ import annotations

from pathlib import Path

from tests.models.hub import model_bytes, tower_bytes
from vlmtui.chat.outlook import Outlook
from vlmtui.chat.pulling import expected
from vlmtui.errors import BadModelFile, FetchFailed
from vlmtui.models.download import Plan, RemoteFile
from vlmtui.models.fit import Machine
from vlmtui.settings import Settings

GB = 1_000_000_000
ROOMY = Machine(8 * GB, 16 * GB)


def remote(path: Path, role: str, url: str = "http://127.0.0.1:9/model.gguf") -> RemoteFile:
    return RemoteFile(path.name, role, url, None, path, path, path, path)  # type: ignore[arg-type]


def plan(folder: Path, **how: str) -> Plan:
    model, tower = folder / "model.gguf", folder / "mmproj.gguf"
    model.write_bytes(model_bytes(200_000, **how))
    tower.write_bytes(tower_bytes(100_000))
    return Plan("tiny", "tiny", (remote(model, "model"), remote(tower, "mmproj")), folder)


def look(plan: Plan, machine: Machine) -> Outlook:
    return expected(plan, Settings(), machine)


def test_a_small_model_fits_a_large_machine(tmp_path: Path) -> None:
    found = look(plan(tmp_path), ROOMY)
    assert found.fit is not None
    assert found.fit.verdict == "yes"
    assert "it fits into memory" in found.words
    assert not found.warns


def test_what_does_not_fit_warns_with_the_figures(tmp_path: Path) -> None:
    found = look(plan(tmp_path), Machine(1_000_000, 16 * GB))
    assert found.fit is not None
    assert found.fit.verdict == "no"
    assert "tiny needs 0." in found.words
    assert found.warns


def test_what_llama_cpp_can_not_load_warns(tmp_path: Path) -> None:
    found = look(plan(tmp_path, architecture="strange"), ROOMY)
    assert isinstance(found.problem, BadModelFile)
    assert found.warns


def test_headers_that_can_not_be_had_are_no_reason_to_ask(tmp_path: Path) -> None:
    missing = Plan("tiny", "tiny", (remote(tmp_path / "model.gguf", "model"),), tmp_path)
    found = look(missing, ROOMY)
    assert isinstance(found.problem, FetchFailed)
    assert not found.warns
