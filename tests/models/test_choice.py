"""Patterns against the files of a repository: names only, nothing is fetched."""

from __future__ import annotations

import pytest

from vlmtui.models import catalog
from vlmtui.models.download.choice import matching


@pytest.mark.parametrize(
    ("files", "model", "mmproj"),
    [
        (
            ["Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf", "mmproj-Qwen2.5-VL-7B-Instruct-Q8_0.gguf"],
            ["Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf"],
            ["mmproj-Qwen2.5-VL-7B-Instruct-Q8_0.gguf"],
        ),
        (
            ["x-Q4_K_M.gguf", "mmproj-x-Q4_K_M.gguf", "mmproj-x-F16.gguf", "README.md"],
            ["x-Q4_K_M.gguf"],
            ["mmproj-x-F16.gguf"],
        ),
        (
            ["Q4/x-Q4_K_M-00001-of-00002.gguf", "Q4/x-Q4_K_M-00002-of-00002.gguf"],
            ["Q4/x-Q4_K_M-00001-of-00002.gguf", "Q4/x-Q4_K_M-00002-of-00002.gguf"],
            [],
        ),
        (["x-Q8_0.gguf"], [], []),
    ],
)
def test_patterns_choose_among_the_files_that_are_there(
    files: list[str], model: list[str], mmproj: list[str]
) -> None:
    entry = catalog.load().find("Qwen2.5-VL-7B")
    assert entry is not None
    assert matching(files, entry.model) == model
    assert matching(files, entry.mmproj) == mmproj


def test_the_first_pattern_that_fits_anything_counts() -> None:
    patterns = ["*Q4_K_M*.gguf", "*Q8_0*.gguf"]
    assert matching(["a-q8_0.gguf", "a-q4_k_m.gguf"], patterns) == ["a-q4_k_m.gguf"]
    assert matching(["a-q8_0.gguf"], patterns) == ["a-q8_0.gguf"]


def test_a_pattern_with_a_directory_means_the_whole_name() -> None:
    files = ["Q4/x.gguf", "Q8/x.gguf", "mmproj/x.gguf"]
    assert matching(files, ["q8/*.GGUF"]) == ["Q8/x.gguf"]
    assert matching(files, ["x.gguf"]) == files


def test_one_part_of_a_split_model_brings_the_others() -> None:
    parts = [f"Q4/x-0000{part}-of-00002.gguf" for part in (1, 2)]
    assert matching([*parts, "Q8/x-00001-of-00002.gguf"], [parts[1]]) == parts


def test_a_pattern_that_names_no_tower_means_one_only_where_there_is_nothing_else() -> None:
    towers = ["mmproj-x-F16.gguf", "mmproj-x-Q8_0.gguf"]
    assert matching(towers, ["*F16*.gguf"]) == towers[:1]
    assert matching([*towers, "x-Q8_0.gguf"], ["*F16*.gguf"]) == []
