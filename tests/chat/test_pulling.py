"""Whether a model will fit is told from its headers, before it is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.conftest import hub
from tests.models.hub import Hub, model_bytes, tower_bytes
from vlmtui.chat.fit_verdict import FitVerdict
from vlmtui.chat.pulling import among, expected
from vlmtui.errors import AmbiguousFiles, BadModelFile, FetchFailed
from vlmtui.models.download.events import Plan, RemoteFile
from vlmtui.models.download.pull import Pull
from vlmtui.models.fit import Machine
from vlmtui.models.memory import Bytes
from vlmtui.settings import Settings

__all__ = ["hub"]

GB = 1_000_000_000
ROOMY = Machine(8 * GB, 16 * GB)


def remote(path: Path, role: str, url: str = "http://127.0.0.1:9/model.gguf") -> RemoteFile:
    return RemoteFile(path.name, role, url, None, path, path, path, path)


def plan(folder: Path, **how: str) -> Plan:
    model, tower = folder / "model.gguf", folder / "mmproj.gguf"
    model.write_bytes(model_bytes(200_000, **how))
    tower.write_bytes(tower_bytes(100_000))
    return Plan("tiny", "tiny", (remote(model, "model"), remote(tower, "mmproj")), folder)


def look(plan: Plan, machine: Machine) -> FitVerdict:
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


def candidates(wanted: str, model: str = "") -> AmbiguousFiles:
    with pytest.raises(AmbiguousFiles) as caught:
        list(Pull(wanted, model=model).run())
    return caught.value


def test_of_several_files_each_is_judged_by_its_size_and_one_header(hub: Hub) -> None:
    small, large = model_bytes(1_000_000), model_bytes(40_000_000)
    hub.put("acme/Tiny", **{"a-Q4.gguf": small, "b-Q8.gguf": large, "mmproj-a.gguf": tower_bytes()})
    wish = "hf:acme/Tiny"
    error = candidates(wish)
    fixed = Settings(ctx=256)
    whole = [each.fit for each in among(wish, error, fixed, ROOMY)]
    assert whole[0] is not None
    assert whole[1] is not None
    assert whole[1].need.weights.host == 40 * whole[0].need.weights.host
    assert whole[0].need.mmproj.host > 0
    board = Machine(sum(whole[0].need.total), 16 * GB)
    assert [each.word for each in among(wish, error, fixed, board)] == ["tight", "too big"]
    assert hub.sent < 3_000_000, "headers are read, not files"


def test_a_choice_of_towers_that_is_still_to_come_counts_the_smallest(hub: Hub) -> None:
    towers = {"mmproj-a.gguf": tower_bytes(900_000), "mmproj-b.gguf": tower_bytes(500_000)}
    hub.put("acme/Tiny", **{"a.gguf": model_bytes(), "b.gguf": model_bytes(seed=2), **towers})
    wish = "hf:acme/Tiny"
    (first, _) = among(wish, candidates(wish), Settings(), ROOMY)
    assert first.fit is not None
    assert first.fit.need.mmproj == Bytes(500_000)
    error = candidates(wish, "a.gguf")
    assert error.role == "mmproj"
    assert [each.word for each in among(wish, error, Settings(), ROOMY, model="a.gguf")] == [
        *("fits", "fits")
    ]


def test_files_that_can_not_be_looked_into_are_listed_all_the_same(hub: Hub) -> None:
    hub.put("acme/Tiny", **{"a.gguf": b"<html>" * 1000, "b.gguf": b"<html>" * 2000})
    wish = "hf:acme/Tiny"
    assert [each.word for each in among(wish, candidates(wish), Settings(), ROOMY)] == [
        *("damaged", "damaged")
    ]
