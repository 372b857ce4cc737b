"""Imported models in the engine: the tokens and the answers are those of the models' own code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import msgspec
import numpy as np
import pytest

from tests.engine.asking import ask
from tests.models.convert import llamacpp, reference
from tests.models.convert.conftest import Imported, Seen
from vlmtui.engine.backends.llamacpp import forms
from vlmtui.engine.backends.llamacpp.chat_format import chat_format
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.errors import LoadFailed
from vlmtui.messages import ImagePart, Message, assistant, user

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)
LLAMA_3_SYSTEM = (
    "You are a helpful language and vision assistant. You are able to understand the visual "
    "content that the user provides, and assist the user with a variety of tasks using natural "
    "language."
)
_SAID = 4
"""Tokens of an answer."""

_GREEDY = Sampling(temperature=0, max_tokens=_SAID)
Row = int | str
"""A token, or the digest of a picture."""


@pytest.fixture
def pictures(seen_pictures: list[Seen]) -> list[ImagePart]:
    return [image for image, _ in seen_pictures]


def built(files: Imported, messages: Sequence[Message]) -> list[Row]:
    """The rows of the engine's prompt."""
    with llamacpp.loaded(files.model, files.mmproj) as model:
        vision = Vision(model, 0)
        request = Load(Files(str(files.model), str(files.mmproj)))
        template = chat_format(request, model).template
        prompt = PromptBuilder(template, model.vocabulary, vision.layout).build(tuple(messages))
        vision.close()
        return [unit.key if isinstance(unit, ImageUnit) else unit for unit in prompt.units]


def split(files: Imported, text: str, images: Sequence[ImagePart], *, special: bool) -> list[Row]:
    """VILA's own way (`tokenizer_image_token`): cut at `<image>`, each piece tokenised alone."""
    with llamacpp.loaded(files.model) as model:
        vocabulary = model.vocabulary
        rows: list[Row] = [vocabulary.bos]
        waiting = list(images)
        for number, piece in enumerate(text.split("<image>")):
            if number:
                rows.append(waiting.pop(0).sha256)
            rows += vocabulary.tokenize(piece, parse_special=special)
        return rows


def test_the_prompt_is_the_one_that_vila_was_trained_on(
    vila: Imported, pictures: list[ImagePart]
) -> None:
    """Two pictures and a follow-up; one BOS, no words of libmtmd, no space behind `</s>`."""
    chat = (user("What is there", tuple(pictures)), assistant("it is"), user("is"))
    rows = built(vila, chat)
    text = f"{SYSTEM} USER: <image>\n<image>\nWhat is there ASSISTANT: it is</s>USER: is ASSISTANT:"
    assert rows == split(vila, text, pictures, special=True)
    assert rows.count(1) == 1
    spaced = text.replace("</s>USER", "</s> USER")
    assert rows != split(vila, spaced, pictures, special=True)


def test_llama_3s_prompt_has_vilas_system_message(
    vila_8b: Imported, pictures: list[ImagePart]
) -> None:
    chat = (user("What is", (pictures[0],)), assistant("the"), user("is"))

    def turn(role: str, content: str) -> str:
        return f"<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>"

    text = (
        turn("system", LLAMA_3_SYSTEM)
        + turn("user", "<image>\nWhat is")
        + turn("assistant", "the")
        + turn("user", "is")
        + "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    rows = built(vila_8b, chat)
    assert rows == split(vila_8b, text, pictures[:1], special=True)


@pytest.fixture(scope="module")
def engine(
    vila_in_float32: Imported, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineClient]:
    client = EngineClient(tmp_path_factory.mktemp("engine") / "engine.log")
    files = Files(str(vila_in_float32.model), str(vila_in_float32.mmproj))
    for _ in client.load(Load(files, ctx=1024)):
        pass
    yield client
    client.close()


def test_greedy_answers_are_the_models_own_warm_and_cold(
    engine: EngineClient, vila_in_float32: Imported, seen_pictures: list[Seen]
) -> None:
    """About two pictures, then a follow-up, read on top of what is kept; the reference is NumPy."""
    files = vila_in_float32
    seen = {image.sha256: tokens for image, tokens in seen_pictures}
    pictures = [image for image, _ in seen_pictures]
    asked = (user("What is there", tuple(pictures)),)
    rows = built(files, asked)
    answer = ask(engine, *asked, sampling=_GREEDY)
    said, text = greedy(files, rows, seen)
    assert answer.text == text
    # what was sampled stays as it is: its text might give other tokens
    with llamacpp.loaded(files.model) as model:
        rest = model.vocabulary.tokenize("</s>USER: is the ASSISTANT:", parse_special=True)
    asked = answer.followed_by(asked, user("is the"))
    warm = ask(engine, *asked, sampling=_GREEDY)
    assert warm.finished.stats.reused_tokens > 2 * 196
    assert warm.text == greedy(files, [*rows, *said, *rest], seen)[1]
    ask(engine, user("is"), sampling=_GREEDY)
    cold = ask(engine, *asked, sampling=_GREEDY)
    assert cold.text == warm.text


def greedy(files: Imported, rows: list[Row], seen: dict[str, np.ndarray]) -> tuple[list[int], str]:
    """The reference's answer: tokens and text."""
    given = [seen[row] if isinstance(row, str) else row for row in rows]
    said: list[int] = []
    for _ in range(_SAID):
        found = reference.logits(files.made, [*given, *said])[-1]
        second, best = np.sort(found)[-2:]
        assert best - second > 0.1, "too near to tell: another seed is needed"
        said.append(int(found.argmax()))
    with llamacpp.loaded(files.model) as model:
        pieces = [model.vocabulary.piece(token) for token in said]
    return said, b"".join(pieces).decode().lstrip()


def test_a_form_that_libmtmd_cuts_otherwise_is_told(
    vila: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = msgspec.structs.replace(forms._VILA, given=(420, 392))
    monkeypatch.setattr(forms, "_VILA", changed)
    with pytest.raises(LoadFailed, match="makes 1 parts with 210 tokens"), opened(vila):
        pass
    monkeypatch.setattr(forms, "_read", lambda _: ("cubist", 1, 1))
    with pytest.raises(LoadFailed, match="'cubist', which this vlmtui doesn't know"), opened(vila):
        pass


def opened(files: Imported) -> AbstractContextManager[LoadedModel]:
    return llamacpp.loaded(files.model, files.mmproj)
