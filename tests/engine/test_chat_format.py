"""Which chat template a model is spoken to in, and what is told of the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine import zoo
from tests.engine.asking import GREEDY
from tests.engine.conftest import demo_load
from tests.engine.zoo import language
from vlmtui.builtin_templates import BUILTIN
from vlmtui.engine.backends.llamacpp.backend import LlamaCppBackend
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.engine_events import Delta, Event, Finished, Loaded, Notice
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.errors import LoadFailed
from vlmtui.messages import user

Run = Callable[[Load], "tuple[LlamaCppBackend, list[Event]]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Loads a model in this process; gives the backend and the events of the load."""
    backends: list[LlamaCppBackend] = []

    def load(request: Load) -> tuple[LlamaCppBackend, list[Event]]:
        backend = LlamaCppBackend()
        backends.append(backend)
        events: list[Event] = []
        assert backend.load(request, CancelFlag(), events.append) == Finished("done")
        return backend, events

    yield load
    for backend in backends:
        backend.close()


def written(folder: Path, kind: str, template: str | None) -> Load:
    """A model of an architecture with another chat template in its file, or none."""
    path = folder / "model.gguf"
    language.write(path, kind, replace(zoo.KINDS[kind].language, template=template))
    return Load(Files(str(path)), "mine", ctx=512)


def told(events: list[Event]) -> list[Notice]:
    return [event for event in events if isinstance(event, Notice)]


def used(events: list[Event]) -> str:
    return next(event.info.template for event in events if isinstance(event, Loaded))


def said(backend: LlamaCppBackend, question: str, sampling: Sampling = GREEDY) -> str:
    events: list[Event] = []
    backend.generate(Generate((user(question),), sampling), CancelFlag(), events.append)
    return "".join(event.text for event in events if isinstance(event, Delta))


@pytest.mark.parametrize(
    ("kind", "name", "token"),
    [("gemma-3", "gemma", "<start_of_turn>"), ("qwen2.5-vl", "chatml", "<|im_start|>")],
)
def test_a_file_without_a_template_gets_that_of_its_vocabulary_and_it_is_told_once(
    tmp_path: Path, run: Run, kind: str, name: str, token: str
) -> None:
    _, events = run(written(tmp_path, kind, None))
    assert used(events) == name
    (notice,) = told(events)
    assert notice.kind == "template"
    assert "mine has no chat template" in notice.message
    assert name in notice.message and token in notice.message
    assert "--template" in notice.hint


@pytest.mark.parametrize("broken", ["{% for %}", "{{ messages[0].content | nosuch }}"])
def test_a_broken_template_gives_way_to_a_built_in_one(
    tmp_path: Path, run: Run, broken: str
) -> None:
    backend, events = run(written(tmp_path, "gemma-3", broken))
    assert used(events) == "gemma"
    (notice,) = told(events)
    assert "can't be used" in notice.message
    said(backend, "Hello")


def test_a_template_of_the_files_own_or_one_asked_for_is_nothing_to_tell_of(
    tmp_path: Path, run: Run
) -> None:
    assert not told(run(demo_load())[1])
    load = written(tmp_path, "gemma-3", None)
    _, events = run(Load(load.source, template="chatml"))
    assert used(events) == "chatml" and not told(events)
    _, events = run(Load(load.source, fallback_template="phi-3"))
    assert used(events) == "phi-3" and not told(events)


def test_a_broken_template_that_was_asked_for_is_refused(tmp_path: Path, run: Run) -> None:
    with pytest.raises(LoadFailed, match="broken"):
        run(Load(demo_load().source, template="{% for %}"))


def test_what_ends_a_turn_in_a_built_in_template_ends_an_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base model goes on in the format it was shown, and says these as text."""
    question = "What color is the circle?"
    chatml = BUILTIN["chatml"]
    load = Load(demo_load().source, template="chatml")
    whole = said(run(load)[0], question)
    first, rest = whole[:3], whole[3:6]
    assert rest
    ending = {"source": chatml.source, "ends": (rest,)}
    monkeypatch.setitem(BUILTIN, "chatml", type(chatml)(**ending))
    assert said(run(load)[0], question) == first
    assert said(run(demo_load())[0], question)  # the file's own template has no such ends


def test_threads_beyond_the_cpus_are_bounded_and_told(run: Run) -> None:
    backend, events = run(Load(demo_load().source, threads=9999))
    (notice,) = told(events)
    assert notice.kind == "threads" and "9999" in notice.message
    assert said(backend, "Hello")
