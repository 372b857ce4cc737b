"""Downloads from a Hub on this machine: what is fetched, where it goes, and how it is told."""

from __future__ import annotations

import hashlib
from pathlib import Path

import huggingface_hub
import pytest

from tests.models.hub import (
    COMMIT,
    Hub,
    model_bytes,
    tower_bytes,
)
from vlmtui.errors import AmbiguousFiles, NothingToPull
from vlmtui.models import library
from vlmtui.models.download.events import Event, Finished, Plan, Progress, Resolved
from vlmtui.models.download.pull import Pull
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.download.target import understand

REPOSITORY = "acme/Tiny-VL-GGUF"
MODEL, TOWER = model_bytes(), tower_bytes()
QUICK = RetryPolicy(base_s=0.01, most_s=0.05)


@pytest.fixture
def tiny(hub: Hub) -> Hub:
    """A Hub with one model and its tower."""
    hub.put(REPOSITORY, tiny_Q4_K_M__gguf=MODEL, mmproj_tiny_f16__gguf=TOWER, README__md=b"# Tiny")
    return hub


def pulled(wanted: str = f"hf:{REPOSITORY}", **how: str) -> Finished:
    last = list(Pull(wanted, policy=QUICK, **how).run())[-1]
    assert isinstance(last, Finished)
    return last


def planned(wanted: str = f"hf:{REPOSITORY}", **how: str) -> Plan:
    for event in Pull(wanted, policy=QUICK, **how).run():
        if isinstance(event, Resolved):
            return event.plan
    raise AssertionError("no plan")


def names(plan: Plan) -> list[str]:
    return [file.name for file in plan.files]


def test_model_and_tower_come_whole_and_are_found_under_their_name(tiny: Hub) -> None:
    done = pulled()
    assert [path.read_bytes() for path in done.paths] == [MODEL, TOWER]
    assert done.fetched == len(MODEL) + len(TOWER)
    model = library.resolve(done.name)
    assert (model.path, model.mmproj) == done.paths


def test_the_files_are_in_the_cache_as_huggingface_hub_keeps_them(
    tiny: Hub, tmp_path: Path
) -> None:
    cache = tmp_path / "hf" / "hub"
    done = pulled()
    scanned = huggingface_hub.scan_cache_dir(cache)
    assert not scanned.warnings
    (repository,) = scanned.repos
    assert (repository.repo_id, repository.nb_files) == (REPOSITORY, 2)
    (revision,) = repository.revisions
    assert (revision.commit_hash, revision.refs) == (COMMIT, frozenset({"main"}))
    (blob,) = [file.blob_path for file in revision.files if "tiny_Q4" in file.file_name]
    assert blob.name == hashlib.sha256(MODEL).hexdigest()
    found = huggingface_hub.hf_hub_download(
        REPOSITORY, "tiny_Q4_K_M.gguf", cache_dir=cache, local_files_only=True
    )
    assert Path(found) == done.paths[0]


def test_what_huggingface_hub_has_fetched_is_not_fetched_again(tiny: Hub, tmp_path: Path) -> None:
    huggingface_hub.hf_hub_download(
        REPOSITORY,
        "tiny_Q4_K_M.gguf",
        cache_dir=tmp_path / "hf" / "hub",
        endpoint=tiny.url,
        token=False,
    )
    assert pulled().fetched == len(TOWER)


def test_a_second_pull_fetches_nothing(tiny: Hub) -> None:
    pulled()
    sent = tiny.sent
    assert pulled().fetched == 0
    assert tiny.sent == sent


def test_progress_counts_up_to_all_bytes(tiny: Hub) -> None:
    events: list[Event] = list(Pull(f"hf:{REPOSITORY}", policy=QUICK).run())
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.all_done for event in progress] == sorted(event.all_done for event in progress)
    assert progress[-1].all_done == progress[-1].all_total == len(MODEL) + len(TOWER)
    assert all(event.bytes_per_s >= 0 for event in progress)


def test_several_quantisations_want_a_choice(tiny: Hub) -> None:
    tiny.put(REPOSITORY, tiny_Q8_0__gguf=model_bytes(seed=3))
    with pytest.raises(AmbiguousFiles) as caught:
        planned()
    assert caught.value.role == "model"
    assert caught.value.candidates == (
        ("tiny_Q4_K_M.gguf", len(MODEL)),
        ("tiny_Q8_0.gguf", 3_000_000),
    )
    assert names(planned(model="tiny_Q8_0.gguf"))[0] == "tiny_Q8_0.gguf"
    assert names(planned(f"{REPOSITORY}:q8_0"))[0] == "tiny_Q8_0.gguf"


def test_several_towers_want_a_choice(tiny: Hub) -> None:
    tiny.put(REPOSITORY, mmproj_tiny_Q8_0__gguf=tower_bytes(seed=4))
    with pytest.raises(AmbiguousFiles) as caught:
        planned()
    assert caught.value.role == "mmproj"
    assert names(planned(mmproj="f16"))[1:] == ["mmproj_tiny_f16.gguf"]
    assert names(planned(mmproj="none")) == ["tiny_Q4_K_M.gguf"]


def test_the_catalogue_chooses_by_its_patterns(hub: Hub) -> None:
    hub.put(
        "ggml-org/Qwen2.5-VL-3B-Instruct-GGUF",
        **{
            "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf": MODEL,
            "Qwen2.5-VL-3B-Instruct-Q8_0.gguf": model_bytes(seed=5),
            "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf": TOWER,
            "mmproj-Qwen2.5-VL-3B-Instruct-f16.gguf": tower_bytes(seed=6),
        },
    )
    done = pulled("qwen2.5-vl-3b")
    assert [path.name for path in done.paths] == [
        "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf",
        "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
    ]
    assert library.resolve("qwen2.5-vl-3b").path == done.paths[0]
    assert names(planned("qwen2.5-vl-3b:Q8_0", mmproj="f16")) == [
        "Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
        "mmproj-Qwen2.5-VL-3B-Instruct-f16.gguf",
    ]


def test_all_parts_of_a_split_model_come(hub: Hub) -> None:
    parts = {f"Q4/big-0000{n}-of-00003.gguf": model_bytes(100_000, n) for n in (1, 2, 3)}
    hub.put(REPOSITORY, **parts, mmproj__gguf=TOWER)
    done = pulled()
    assert [path.name for path in done.paths[:3]] == [
        f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)
    ]
    assert [path.read_bytes() for path in done.paths] == [*parts.values(), TOWER]
    assert pulled(f"hf:{REPOSITORY}:Q4/big-00001-of-00003.gguf").fetched == 0


def test_a_split_model_with_a_part_missing_is_refused(hub: Hub) -> None:
    hub.put(REPOSITORY, **{"big-00001-of-00002.gguf": MODEL})
    with pytest.raises(NothingToPull, match="1 of the 2 parts"):
        planned()


def test_a_page_of_the_hub_means_its_file(tiny: Hub) -> None:
    tiny.put(REPOSITORY, tiny_Q8_0__gguf=model_bytes(seed=3))
    plan = planned(f"{tiny.url}/{REPOSITORY}/blob/main/tiny_Q8_0.gguf?download=true", mmproj="f16")
    assert names(plan) == ["tiny_Q8_0.gguf", "mmproj_tiny_f16.gguf"]
    assert plan.repository == REPOSITORY


def test_names_that_lead_out_of_the_cache_are_not_taken(hub: Hub) -> None:
    hub.put(REPOSITORY, **{"../../evil.gguf": MODEL, "/etc/evil.gguf": MODEL})
    with pytest.raises(NothingToPull, match="no GGUF file"):
        planned()


def test_a_repository_without_its_owner_is_told_as_such() -> None:
    with pytest.raises(NothingToPull, match="hf:tiny-vlm names no repository"):
        understand("hf:tiny-vlm")


def test_the_demo_model_needs_no_network() -> None:
    assert pulled("demo").fetched == 0
