from __future__ import annotations

from pathlib import Path

import pytest

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
    with pytest.raises(BadModelFile, match="does not see"):
        pairing.check(model, header(tmp_path / "p.gguf", deaf))


def test_an_unknown_projector_is_left_to_llama_cpp(tmp_path: Path) -> None:
    model = header(tmp_path / "m.gguf", headers.model(width=64))
    pairing.check(model, header(tmp_path / "p.gguf", headers.tower(projector="new", width=128)))


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
