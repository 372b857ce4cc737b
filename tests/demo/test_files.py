"""The files of the demo model that ship with the package."""

import ctypes
import random
from collections.abc import Iterator

import llama_cpp.llama_cpp as llama
import pytest
from PIL import Image

from training.offtopic import off_topic
from vlmtui.demo import mmproj_path, model_path, sample_images
from vlmtui.engine.template import ChatTemplate, Turn


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[ctypes.c_void_p]:
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = llama.llama_model_load_from_file(str(model_path()).encode(), parameters)
    assert model
    yield model
    llama.llama_model_free(model)


def tokenize(model: ctypes.c_void_p, text: str) -> list[int]:
    data = text.encode()
    room = (llama.llama_token * (len(data) + 8))()
    vocabulary = llama.llama_model_get_vocab(model)
    count = llama.llama_tokenize(vocabulary, data, len(data), room, len(room), False, False)
    return list(room[:count])


def detokenize(model: ctypes.c_void_p, tokens: list[int]) -> str:
    vocabulary = llama.llama_model_get_vocab(model)
    ids = (llama.llama_token * len(tokens))(*tokens)
    room = ctypes.create_string_buffer(16 * len(tokens) + 64)
    count = llama.llama_detokenize(
        vocabulary, ids, len(tokens), ctypes.cast(room, ctypes.c_char_p), len(room), False, True
    )
    return room.raw[:count].decode()


def test_both_files_are_at_most_twelve_megabytes_together():
    assert model_path().stat().st_size + mmproj_path().stat().st_size <= 12_000_000


def test_the_sample_pictures_are_small_and_open():
    samples = sample_images()
    assert len(samples) >= 4
    for path in samples:
        assert path.stat().st_size < 100_000
        with Image.open(path) as image:
            image.load()
            assert min(image.size) >= 200


@pytest.mark.parametrize(
    "text",
    [
        "What color is the red circle?",
        "WHERE IS IT",
        "  two  spaces ",
        "line\nbreak\ttab",
        "naïve café — “quotes”",
        "Привет, как дела?",
        "这是什么?",
        "مرحبا",
        "👩‍👩‍👧 family",
        "</s><|user|>",
        "\x00\x7f\ufffd",
    ],
)
def test_any_text_comes_back_from_its_tokens(vocabulary: ctypes.c_void_p, text: str):
    assert detokenize(vocabulary, tokenize(vocabulary, text)) == text


def test_random_text_comes_back_from_its_tokens(vocabulary: ctypes.c_void_p):
    rng = random.Random(1)
    for _ in range(300):
        text = off_topic(rng)
        assert detokenize(vocabulary, tokenize(vocabulary, text)) == text


def test_the_words_of_its_world_are_single_tokens(vocabulary: ctypes.c_void_p):
    for word in ("circle", "square", "triangle", "star", "red", "white", "bottom", "shapes"):
        assert len(tokenize(vocabulary, word)) == 1


def test_the_chat_template_takes_pictures_text_and_a_system_message(vocabulary: ctypes.c_void_p):
    source = llama.llama_model_chat_template(vocabulary, None).decode()
    template = ChatTemplate(source, bos="<s>", eos="</s>", joints=("\n", ""))
    turns = [
        Turn("system", (), "Be brief."),
        Turn("user", ("<1>", "<2>"), "Which image has more shapes?"),
        Turn("assistant", (), "The first image has more shapes."),
        Turn("user", (), "Why?"),
    ]
    assert template.render(turns) == (
        "<|system|>Be brief.</s><|user|><1>\n<2>Which image has more shapes?</s>"
        "<|assistant|>The first image has more shapes.</s><|user|>Why?</s><|assistant|>"
    )
