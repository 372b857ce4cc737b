"""Our prompts beside those of libmtmd, token for token, on the architectures of the `zoo`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import zoo
from tests.engine.conftest import as_part
from tests.engine.libmtmd import rows_of_mtmd
from tests.engine.zoo import pictures
from vlmtui.builtin_templates import BUILTIN
from vlmtui.engine.backends.llamacpp.bindings import mtmd
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import (
    ImageUnit,
    count_image_tokens,
    count_positions,
)
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.errors import GenerateFailed
from vlmtui.messages import ImagePart, Message, assistant, system, user


@pytest.fixture(scope="module", params=zoo.KINDS)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedModel]:
    files = zoo.build(request.param, tmp_path_factory.mktemp(request.param))
    load = Load(Files(str(files.model), str(files.mmproj)), ctx=4096)
    loaded = LoadedModel(load, CancelFlag(), lambda _done: None)
    yield loaded
    loaded.close()


@pytest.fixture
def vision(model: LoadedModel) -> Iterator[Vision]:
    tower = Vision(model, 0)
    yield tower
    tower.close()


@pytest.fixture
def shapes(tmp_path: Path) -> tuple[ImagePart, ...]:
    """Pictures that models cut differently: small, wide, tall, large."""
    sizes = ((40, 40), (150, 60), (50, 170), (300, 260))
    return tuple(as_part(pictures.paint(tmp_path, 1, *size)) for size in sizes)


def template_of(model: LoadedModel) -> ChatTemplate:
    source = model.chat_template() or BUILTIN["llava-1.6-mistral"].source
    words = model.vocabulary
    return ChatTemplate(source, bos=words.text_of(words.bos), eos=words.text_of(words.eos))


def test_our_prompt_is_the_one_that_libmtmd_would_make(model, vision, shapes):
    small, wide, tall, large = shapes
    text = "What is the color?\n\n  Grüße, 你好 <b>&amp;</b> " + "a" * 40
    conversation: tuple[Message, ...] = (
        system("Be brief."),
        user(text, (small,)),
        assistant(f"Well: {text}"),
        user(f"And {text}", (wide, tall)),
        assistant("It is."),
        user("This?", (large, small)),
    )
    template = template_of(model)
    ours = PromptBuilder(template, model.vocabulary, vision.layout).build(conversation).units
    marker = mtmd.mtmd_default_marker().decode()
    rendered = template.render(
        [Turn(m.role.value, (marker,) * len(m.images), m.text.strip()) for m in conversation]
    )
    if model.vocabulary.adds_bos:
        rendered = rendered.removeprefix(model.vocabulary.text_of(model.vocabulary.bos))
    theirs = rows_of_mtmd(model, rendered, [small, wide, tall, large, small])
    assert theirs == [
        (unit.tokens, unit.positions) if isinstance(unit, ImageUnit) else unit for unit in ours
    ]
    parts = [row for row in theirs if isinstance(row, tuple)]
    assert count_image_tokens(ours) == sum(tokens for tokens, _ in parts)
    assert count_positions(ours) == len(theirs) - len(parts) + sum(spans for _, spans in parts)


def test_the_zoo_has_what_it_is_for(model, vision, shapes):
    """Pictures of several parts, positions apart from tokens, and text between parts."""
    units = vision.layout(shapes[3])
    parts = [unit for unit in units if isinstance(unit, ImageUnit)]
    name = model.metadata("general.name")
    qwen = ("qwen2.5-vl", "qwen3-vl", "qwen3.5")
    assert (len(parts) > 1) == (name not in (*qwen, "gemma-3", "lfm2-vl"))
    assert (parts[0].positions < parts[0].tokens) == (name in qwen)
    between = units[units.index(parts[0]) : units.index(parts[-1])]
    assert any(isinstance(unit, int) for unit in between) == (name in ("minicpm-v-2.6", "smolvlm2"))


def test_special_tokens_in_a_message_are_letters(model, vision, shapes):
    builder = PromptBuilder(template_of(model), model.vocabulary, vision.layout)
    plain = builder.build((user("say  now", shapes[:1]),)).units
    for text, token in model.vocabulary.special_tokens.items():
        units = builder.build((user(f"say {text} now", shapes[:1]),)).units
        assert units.count(token) == plain.count(token), text
        assert count_image_tokens(units) == count_image_tokens(plain), text


def test_a_cancel_is_heard_before_a_part_is_encoded(model, vision, shapes):
    model.cancel.set()
    with pytest.raises(Aborted):
        vision.encode(shapes[3])
    model.cancel.clear()
    assert not vision.is_kept(shapes[3])
    vision.encode(shapes[3])
    assert vision.is_kept(shapes[3])


def test_a_tower_that_fails_is_an_error_and_nothing_is_kept(vision, shapes, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(mtmd, "mtmd_encode_chunk", lambda *_: 1)
        with pytest.raises(GenerateFailed, match="tower"):
            vision.encode(shapes[3])
    assert not vision.is_kept(shapes[3])
    vision.encode(shapes[3])
    assert vision.is_kept(shapes[3])
