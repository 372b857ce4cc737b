from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGUFWriter

from tests.engine import zoo
from tests.models import headers
from tests.models.headers import F32, text, u32, write
from vlmtui import demo
from vlmtui.errors import BadModelFile
from vlmtui.models import gguf
from vlmtui.models.gguf import pairing


def header(path: Path, content: bytes) -> gguf.Header:
    return gguf.from_path(write(path, content))


@pytest.mark.parametrize("kind", zoo.KINDS)
def test_every_architecture_goes_with_its_own_projector(kind: str, tmp_path: Path) -> None:
    files = zoo.build(kind, tmp_path)
    model, mmproj = gguf.from_path(files.model), gguf.from_path(files.mmproj)
    pairing.check(model, mmproj)
    assert pairing.projected_size(mmproj) == pairing.embedding_size(model) > 0


def test_deepstack_rows_are_wider_than_the_model(tmp_path: Path) -> None:
    files = zoo.build("qwen3-vl", tmp_path)
    model = gguf.from_path(files.model)
    assert pairing.embedding_size(model) == 2 * model.number("qwen3vl.embedding_length", 0)


def test_the_projector_of_another_model_is_refused(tmp_path: Path) -> None:
    model = header(tmp_path / "m.gguf", headers.model(width=64))
    other = header(tmp_path / "p.gguf", headers.tower(width=128))
    with pytest.raises(BadModelFile, match=r"belongs to another model: .*128 .*64") as caught:
        pairing.check(model, other)
    assert str(tmp_path / "p.gguf") in caught.value.message


def test_model_and_projector_the_wrong_way_round_are_told() -> None:
    model, mmproj = gguf.from_path(demo.model_path()), gguf.from_path(demo.mmproj_path())
    with pytest.raises(BadModelFile, match="is a vision tower"):
        pairing.check(mmproj, model)
    with pytest.raises(BadModelFile, match=r"is not a vision tower .*'llama'"):
        pairing.check(model, model)


def test_a_projector_that_only_hears_is_refused(tmp_path: Path) -> None:
    model = header(tmp_path / "m.gguf", headers.model())
    deaf = headers.gguf(
        [text("general.architecture", "clip"), headers.boolean("clip.has_vision_encoder", False)],
        [("a.x", (32,), F32)],
    )
    with pytest.raises(BadModelFile, match="for sound"):
        pairing.check(model, header(tmp_path / "p.gguf", deaf))


def test_a_projector_that_this_llama_cpp_does_not_know_is_told(tmp_path: Path) -> None:
    model = header(tmp_path / "m.gguf", headers.model(width=64))
    with pytest.raises(BadModelFile, match="the projector 'new'"):
        pairing.check(model, header(tmp_path / "p.gguf", headers.tower(projector="new")))


def test_of_a_newer_llama_cpp_a_new_projector_is_left_to_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pairing, "LLAMA_CPP", "0.0.1")
    model = header(tmp_path / "m.gguf", headers.model(width=64))
    pairing.check(model, header(tmp_path / "p.gguf", headers.tower(projector="new", width=64)))


def test_a_model_that_is_fed_in_several_layers_takes_wider_rows(tmp_path: Path) -> None:
    file = GGUFWriter(tmp_path / "m.gguf", "granite")
    file.add_embedding_length(64)
    file.add_array("granite.deepstack_mapping", [-1, 0, -1, 1, 1, 2])
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    assert pairing.embedding_size(gguf.from_path(tmp_path / "m.gguf")) == 4 * 64


ENDS = (
    [("resampler.proj.weight", (64, 64)), ("resampler.kv.weight", (96, 64))],
    [("adapter.linear.dense_4h_to_h.weight", (96, 64)), ("adapter.linear.gate.weight", (64, 96))],
    [("mm.model.mb_block.1.block.2.1.bias", (64,)), ("mm.model.mlp.3.weight", (96, 96))],
    [("mm.model.peg.0.bias", (64,)), ("mm.model.mlp.2.weight", (96, 96))],
    [("mm.merger.fc2.bias", (64,)), ("mm.2.weight", (96, 96))],
    [("mm.down.weight", (96, 64)), ("mm.model.fc.weight", (96, 96))],
    [("mm.model.fc.weight", (96, 64)), ("mm.2.weight", (96, 96))],
    [("mm.model.mlp.3.weight", (96, 64)), ("mm.model.mlp.1.weight", (32, 96))],
    [("mm.3.bias", (64,)), ("mm.2.weight", (96, 96))],
    [("mm.2.weight", (96, 64)), ("mm.1.weight", (32, 96))],
    [("mm.1.weight", (96, 64)), ("mm.0.weight", (32, 96))],
    [("mm.input_projection.weight", (64, 96)), ("mm.soft_emb_norm.weight", (96,))],
    [("mm.input_projection.weight", (96, 64))],
    [(f"v.proj_blk.{block}.linear.weight", (96, 32)) for block in range(2)],
)
"""Tensors of projectors that put out 64 numbers, by what they end with."""


@pytest.mark.parametrize("tensors", ENDS, ids=lambda tensors: tensors[0][0])
def test_the_tensors_of_a_projector_tell_what_it_puts_out(
    tmp_path: Path, tensors: list[tuple[str, tuple[int, ...]]]
) -> None:
    written = [(name, shape, F32) for name, shape in tensors]
    tower = header(
        tmp_path / "p.gguf", headers.gguf([text("general.architecture", "clip")], written)
    )
    assert pairing.projected_size(tower) == 64


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (headers.model(architecture="llava_llama"), "architecture 'llava_llama'"),
        (headers.model(text("general.type", "adapter")), "a LoRA adapter"),
        (headers.gguf([text("general.architecture", "llama")]), "without weights"),
        (headers.gguf([u32("x", 1)], [("t", (32,), F32)]), "doesn't say what it is"),
    ],
)
def test_what_is_no_model_to_run_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(BadModelFile, match=words):
        pairing.check(header(tmp_path / "m.gguf", content))
