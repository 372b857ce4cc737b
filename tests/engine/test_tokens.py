"""Our tokens beside those of libmtmd for the whole rendered prompt, in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.conftest import demo_load
from tests.engine.libmtmd import rows_of_mtmd
from vlmtui.builtin_templates import BUILTIN
from vlmtui.engine.backends.llamacpp.bindings import mtmd
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.messages import Message, assistant, system, user


@pytest.fixture(scope="module")
def model() -> Iterator[LoadedModel]:
    loaded = LoadedModel(demo_load(), CancelFlag(), lambda _done: None)
    yield loaded
    loaded.close()


ORDINARY = [
    "What color is the circle?",
    "  two  spaces,\ttabs\n\nand lines\n",
    "Grüße, 你好, привет, 🙂🏳️‍🌈",
    "<b>html</b> & {{ jinja }} {% raw %} \\ $HOME <0x0A>",
    "a" * 500,
]


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("name", ["file", "vicuna_v1", "chatml", "llava-1.6-mistral"])
def test_ordinary_text_gives_the_tokens_of_the_whole_rendered_prompt(model, picture, name, text):
    source = model.chat_template() if name == "file" else BUILTIN[name].source
    vocabulary = model.vocabulary
    template = ChatTemplate(
        source, bos=vocabulary.text_of(vocabulary.bos), eos=vocabulary.text_of(vocabulary.eos)
    )
    vision = Vision(model, 0)
    one, two = picture(seed=1), picture(seed=2)
    conversation: tuple[Message, ...] = (
        system("Be brief."),
        user(text, (one,)),
        assistant(f"Well: {text}"),
        user(f"And {text}", (two, one)),
    )
    ours = PromptBuilder(template, vocabulary, vision.layout).build(conversation)
    marker = mtmd.mtmd_default_marker().decode()
    rendered = template.render(
        [Turn(m.role.value, (marker,) * len(m.images), m.text) for m in conversation]
    )
    bos = vocabulary.text_of(vocabulary.bos)
    rendered = rendered.removeprefix(bos)  # libmtmd adds it
    pictures = [unit for unit in ours.units if isinstance(unit, ImageUnit)]
    rows = [u if isinstance(u, int) else (u.tokens, u.positions) for u in ours.units]
    assert rows == rows_of_mtmd(model, rendered, [one, two, one])
    assert [unit.key for unit in pictures] == [one.sha256, two.sha256, one.sha256]
    vision.close()


def test_a_special_token_in_a_message_is_tokenised_as_its_letters(model):
    vocabulary = model.vocabulary
    template = ChatTemplate(
        model.chat_template() or "", bos=vocabulary.text_of(vocabulary.bos), eos=""
    )
    builder = PromptBuilder(template, vocabulary, lambda _image: [])
    for text, token in vocabulary.special_tokens.items():
        before = builder.build((user("say  now"),)).units.count(token)
        units = builder.build((user(f"say {text} now"),)).units
        assert units.count(token) == before, text
        letters = vocabulary.tokenize(text, parse_special=False)
        assert len(letters) > 1


def test_a_guarded_message_has_the_same_tokens_around_it(model):
    """The path for messages with special tokens cuts the prompt as llama.cpp does inside."""
    vocabulary = model.vocabulary
    template = ChatTemplate(
        model.chat_template() or "",
        bos=vocabulary.text_of(vocabulary.bos),
        eos=vocabulary.text_of(vocabulary.eos),
    )
    builder = PromptBuilder(template, vocabulary, lambda _image: [])
    special = next(text for text in vocabulary.special_tokens if len(text) > 2)
    history = (user("hello there, what is red?"), assistant("A circle is red."))
    plain = builder.build((*history, user("x")))
    guarded = builder.build((*history, user(special)))
    shared = [a == b for a, b in zip(plain.units, guarded.units, strict=False)]
    assert shared.index(False) >= len(builder.build(history[:1]).units)


def test_tokens_become_text_and_text_tokens_again(model):
    vocabulary = model.vocabulary
    for text in ORDINARY:
        tokens = vocabulary.tokenize(text, parse_special=False)
        joined = b"".join(vocabulary.piece(token) for token in tokens)
        assert joined.decode() in (text, f" {text}")  # tokenizers may put a space first
