"""Models that read documents are asked what they were trained to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.engine import zoo
from tests.engine.asking import Answer, ask
from tests.engine.conftest import as_part
from tests.engine.zoo import pictures
from vlmtui.engine import trained_questions
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Loaded, Notice
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.messages import ImagePart, Message, assistant, user

GREEDY = Sampling(temperature=0, max_tokens=8)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    folder = tmp_path_factory.mktemp("reader")
    files = zoo.build("qwen3-vl", folder)
    with closing(EngineClient(folder / "log")) as engine:
        events = list(engine.load(Load(Files(str(files.model), str(files.mmproj)), "glm-ocr")))
        (told,) = [event for event in events if isinstance(event, Notice)]
        assert "gets 'Text Recognition:'" in told.message
        assert "/preset table or formula" in told.hint
        (loaded,) = [event for event in events if isinstance(event, Loaded)]
        assert list(loaded.info.questions) == ["text", "table", "formula"]
        yield engine


@pytest.fixture
def page(tmp_path: Path) -> ImagePart:
    return as_part(pictures.paint(tmp_path, 1, 90, 120))


def answer(engine: EngineClient, *messages: Message, question: str = "") -> Answer:
    return ask(engine, *messages, sampling=msgspec.structs.replace(GREEDY, question=question))


def test_a_picture_without_words_is_asked_the_usual_question(
    reader: EngineClient, page: ImagePart
) -> None:
    usual = answer(reader, user("Text Recognition:", (page,)))
    silent = answer(reader, user(" ", (page,)))
    assert silent.text == usual.text
    assert silent.finished.stats.reused_tokens == usual.finished.stats.prompt_tokens - 1


def test_another_question_and_words_of_ones_own_go_before_it(
    reader: EngineClient, page: ImagePart
) -> None:
    table = answer(reader, user("Table Recognition:", (page,)))
    assert answer(reader, user("", (page,)), question="Table Recognition:").text == table.text
    mine = answer(reader, user("What is it?", (page,)))
    assert answer(reader, user("What is it?", (page,)), question="Table:").text == mine.text


def test_an_earlier_picture_was_asked_it_too(reader: EngineClient, page: ImagePart) -> None:
    said = (assistant("It is."), user("Why?"))
    whole = answer(reader, user("Text Recognition:", (page,)), *said)
    assert answer(reader, user("", (page,)), *said).text == whole.text


@pytest.mark.parametrize(
    ("names", "usual"),
    [
        (("glm4", "GLM-OCR"), "Text Recognition:"),
        (("paddleocr", "PaddleOCR VL 1.5"), "OCR:"),
        (("deepseek2-ocr", ""), "Free OCR."),
        (("qwen2", "Dots.Ocr"), "Extract the text content from this image."),
        (("llama", "granite_docling-258M-f16.gguf"), "Convert this page to docling."),
        (("hunyuan_vl", "HunyuanOCR"), "Extract the text in the image."),
        (("qwen3", "LightOnOCR-2-1B"), None),
        (("qwen35", "Qwen3.5-4B"), None),
    ],
)
def test_a_family_is_known_by_name_or_architecture(
    names: tuple[str, ...], usual: str | None
) -> None:
    assert next(iter(trained_questions.of(*names).values()), None) == usual
