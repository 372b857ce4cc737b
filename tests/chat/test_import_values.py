"""Imports: values that can't be are refused or left out, and large exports come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlmtui.chat import exported_file
from vlmtui.chat.archive import Archive
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.errors import ArchiveError
from vlmtui.messages import assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore


@pytest.fixture
def archive(store: ChatStore, images: ImageStore) -> Archive:
    return Archive(store, images)


@pytest.fixture
def exported(archive: Archive, store: ChatStore, images: ImageStore, tmp_path: Path) -> Path:
    """A chat with three pictures, in a file."""
    pictures = []
    for number in range(3):
        Image.effect_noise((40, 40), 50 + number).save(tmp_path / f"{number}.png")
        pictures.append(AttachedImages(images).attach(tmp_path / f"{number}.png"))
    chat, question = store.start("pictures", user("What are they?", pictures))
    answer = store.add(chat.id, question.id, assistant("Noise."), "demo")
    store.update_text(answer.id, "Noise.", "complete", {"generated_tokens": 2})
    return archive.export(chat.id, tmp_path / "chat.json", "json")


def changed(path: Path, **values: Any) -> Path:
    content = json.loads(path.read_text())
    content["chat"] |= {"sampling": values["sampling"]} if "sampling" in values else {}
    content["messages"][1] |= {"stats": values["stats"]} if "stats" in values else {}
    copy = path.with_name("changed.json")
    copy.write_text(json.dumps(content))
    return copy


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": -5}, {"temperature": "hot"}, {"top_p": 1.5}, {"min_p": -0.1}, {"top_k": -1},
        {"top_k": 2**40}, {"repeat_penalty": 0}, {"seed": -1}, {"max_tokens": -1}, {"stop": "x"},
        {"top_k": 3.5}, {"temperature": None}, {"presence_penalty": 1e300},
    ],
)  # fmt: skip
def test_sampling_out_of_range_is_refused_as_the_settings_refuse_it(
    archive: Archive, exported: Path, sampling: dict[str, Any]
) -> None:
    before = [row.chat for row in archive.listing.rows()]
    with pytest.raises(ArchiveError, match=next(iter(sampling))):
        archive.import_json(changed(exported, sampling=sampling))
    assert [row.chat for row in archive.listing.rows()] == before


def test_sampling_within_range_comes_back(archive: Archive, exported: Path) -> None:
    sampling = {"temperature": 0.5, "top_k": 3, "stop": ["x"], "seed": None, "of later": 1}
    assert archive.import_json(changed(exported, sampling=sampling)).sampling == sampling


@pytest.mark.parametrize("wrong", ["abc", [], {}, -1, 1e300, None, {"net_j": "x"}])
def test_a_number_that_is_none_is_left_out_of_an_answers_stats(
    archive: Archive, store: ChatStore, exported: Path, wrong: object
) -> None:
    stats = {"generated_tokens": wrong, "energy": wrong, "decode_s": 1.5, "pictures": wrong}
    chat = archive.import_json(changed(exported, stats=stats))
    found = store.thread(chat.id)[1].stats
    assert found is not None and found["decode_s"] == 1.5
    assert "generated_tokens" not in found and "energy" not in found


def test_what_export_writes_import_reads_however_large(
    archive: Archive, store: ChatStore, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = exported.read_bytes().index(b'"images":{\n') + 20
    monkeypatch.setattr(exported_file, "MAX_BYTES", head)
    assert exported.stat().st_size > 2 * head  # the pictures alone are more than is read at once
    chat = archive.import_json(exported)
    assert len(store.thread(chat.id)[0].message.images) == 3
    other = exported.with_name("other.json")
    other.write_text(json.dumps(json.loads(exported.read_text())))
    with pytest.raises(ArchiveError, match="too large"):
        archive.import_json(other)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_that_others_laid_out_is_read_too(
    archive: Archive, store: ChatStore, exported: Path, indent: int | None
) -> None:
    other = exported.with_name("other.json")
    other.write_text(json.dumps(json.loads(exported.read_text()), indent=indent))
    assert len(store.thread(archive.import_json(other).id)[0].message.images) == 3


def test_a_file_laid_out_by_lines_is_judged_like_any_other(
    archive: Archive, exported: Path
) -> None:
    whole = exported.read_bytes()
    lines = whole.split(b"\n")
    bad = exported.with_name("bad.json")
    for content in (
        b"\n".join(lines[:-2]),  # cut off
        whole[:-40],
        whole + b"{}",
        b"\n".join([*lines[:2], lines[1], *lines[2:]]).replace(b"x", b"y"),
        whole.replace(lines[1][1:65], b"../" * 21 + b"x"),
    ):
        bad.write_bytes(content)
        with pytest.raises(ArchiveError):
            archive.import_json(bad)
