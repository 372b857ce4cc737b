"""The projectors of libmtmd, with random weights: pairing, memory, encoding and prompts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.fit import PICTURE, peak
from tests.engine import zoo
from tests.engine.conftest import as_part
from tests.engine.libmtmd import rows_of_mtmd
from tests.engine.zoo import pictures
from vlmtui.engine.backends.llamacpp.bindings import mtmd
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit, count_image_tokens
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Finished
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.messages import ImagePart, system, user
from vlmtui.models import gguf, memory
from vlmtui.models.gguf import pairing

CTX = 2048


@pytest.fixture(scope="module", params=zoo.PROJECTORS)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> zoo.Files:
    return zoo.build_projector(request.param, tmp_path_factory.mktemp("projector"))


@pytest.fixture
def model(files: zoo.Files) -> Iterator[LoadedModel]:
    load = Load(Files(str(files.model), str(files.mmproj)), ctx=CTX)
    loaded = LoadedModel(load, CancelFlag(), lambda _done: None)
    yield loaded
    loaded.close()


def seen(folder: Path) -> tuple[ImagePart, ...]:
    sizes = ((40, 40), (150, 60), (300, 260))
    return tuple(as_part(pictures.paint(folder, 1, *size)) for size in sizes)


def test_it_goes_with_its_model_and_cuts_and_encodes_pictures_as_libmtmd_does(
    files: zoo.Files, model: LoadedModel, tmp_path: Path
) -> None:
    header = gguf.from_path(files.mmproj)
    pairing.check(gguf.from_path(files.model), header)
    assert pairing.projected_size(header) == model.embedding_size
    words, shown = model.vocabulary, seen(tmp_path)
    template = ChatTemplate(model.chat_template() or "", bos="", eos=words.text_of(words.eos))
    conversation = (system("Be brief."), user("What is it?", shown[:1]), user("This?", shown[1:]))
    with closing(Vision(model, 0)) as vision:
        ours = PromptBuilder(template, words, vision.layout).build(conversation).units
        for picture in shown:
            vision.encode(picture)
            assert vision.is_kept(picture)
    marker = mtmd.mtmd_default_marker().decode()
    rendered = template.render(
        [Turn(m.role.value, (marker,) * len(m.images), m.text) for m in conversation]
    )
    assert rows_of_mtmd(model, rendered, list(shown)) == [
        (unit.tokens, unit.positions) if isinstance(unit, ImageUnit) else unit for unit in ours
    ]
    assert count_image_tokens(ours) > 0


def test_in_every_detail_it_makes_as_many_tokens_as_was_predicted(
    model: LoadedModel, tmp_path: Path
) -> None:
    picture = as_part(pictures.paint(tmp_path, 1, 150, 60))
    with closing(Vision(model, 1 << 30)) as vision:
        least, most = vision.choice()
        assert 0 < least <= most
        for detail in ("low", "normal", "high", 90):
            settled = vision.settled(picture, detail)
            predicted = count_image_tokens(vision.layout(settled))
            if settled.detail is not None:
                assert settled.detail == predicted
            vision.encode(settled)
            made = sum(map(len, vision._cache.get(settled.key)))
            assert made == predicted * model.embedding_size


def test_its_peak_is_predicted_within_a_tenth(files: zoo.Files, tmp_path: Path) -> None:
    picture = as_part(pictures.paint(tmp_path, 1, PICTURE, PICTURE))
    headers = gguf.from_path(files.model), gguf.from_path(files.mmproj)
    setup = memory.Setup(ctx=CTX)
    predicted = memory.estimate(*headers, setup, picture=(PICTURE, PICTURE)).total.host
    with closing(EngineClient(tmp_path / "log")) as engine:
        for _ in engine.load(Load(Files(str(files.model), str(files.mmproj)), ctx=CTX)):
            pass
        question = user("word " * 280, (picture,))
        *_, last = engine.generate(Generate((question,), Sampling(temperature=0, max_tokens=3)))
        assert isinstance(last, Finished)
        assert engine.pid is not None
        # these models are hardly larger than Python and NumPy, which differ between versions
        assert predicted == pytest.approx(peak(engine.pid), rel=0.10, abs=12_000_000)
