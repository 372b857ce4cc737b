"""Loads that look first, and try once more with less."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench import make_model
from tests.fakes import FakeEngine, answer, crash
from tests.models import headers
from vlmtui.chat.fitting import Prospect, this_machine
from vlmtui.chat.fitting_engine import FittingEngine
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import (
    Adjusted,
    Delta,
    DeviceMemory,
    Event,
    Finished,
    Loaded,
    Loading,
    Planned,
)
from vlmtui.engine.engine_requests import Endpoint, Files, Generate, Load, Sampling
from vlmtui.errors import BadModelFile, EngineCrashed, LoadFailed, OutOfMemory
from vlmtui.messages import user
from vlmtui.models.fit import Machine

GB = 1_000_000_000
PLENTY = Machine(free=100 * GB, total=100 * GB)
ASKED = Generate((user("Hello"),))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A model that is nothing but its header."""
    heads = headers.u32("llama.attention.head_count", 1)
    trained = headers.u32("llama.context_length", 8192)
    path = headers.write(tmp_path / "m.gguf", headers.model(heads, trained))
    return Load(Files(str(path)), "small")


def killed(phase: str) -> EngineCrashed:
    error = crash(phase)
    error.memory_was_short = True
    return error


def large(request: Load) -> Planned:
    """4 GB of weights, and 1 MB of KV cache a token."""
    cpu = DeviceMemory("CPU", False, 4 * GB, request.ctx * 1_000_000, 0)
    return Planned(request.ctx, 8192, (cpu,), 0, 0, False, 0)


def with_free(free: float, engine: FakeEngine) -> FittingEngine:
    engine.planned = large
    machine = Machine(free=round(free * GB), total=16 * GB, shared=True)
    return FittingEngine(engine, lambda replaced: machine)


def adjustments(events: list[Event]) -> list[Adjusted]:
    return [event for event in events if isinstance(event, Adjusted)]


# --------------------------------------------------------------------------------- looking first


def test_a_load_that_fits_goes_on_as_it_was_asked_for(load: Load) -> None:
    inner = FakeEngine()
    events = list(FittingEngine(inner, lambda replaced: PLENTY).load(load))
    assert inner.loads == [load]
    assert inner.plans == []  # the header has said enough
    assert not adjustments(events)
    assert isinstance(events[-1], Finished)


def test_an_automatic_context_gives_way_to_memory_and_says_so(load: Load) -> None:
    inner = FakeEngine()
    events = list(with_free(6.5, inner).load(load))
    assert [each.ctx for each in inner.loads] == [2048]
    told = adjustments(events)
    assert [each.changes for each in told] == ["a context of 2,048 tokens"]
    assert "small needs 8.10 GB, 6.50 GB are free" in told[0].why
    assert isinstance(events[0], Adjusted)


def test_a_context_in_numbers_is_tried_as_it_is(load: Load) -> None:
    inner = FakeEngine()
    asked = msgspec.structs.replace(load, ctx=4096)
    events = list(with_free(6.5, inner).load(asked))
    assert inner.loads == [asked]
    assert [each.changes for each in adjustments(events)] == [""]


def test_a_context_that_the_machine_could_never_hold_gives_way(load: Load) -> None:
    inner = FakeEngine()
    asked = msgspec.structs.replace(load, ctx=2**31 - 1)
    events = list(with_free(6.5, inner).load(asked))
    assert [each.ctx for each in inner.loads] == [2048]
    assert [each.changes for each in adjustments(events)] == ["a context of 2,048 tokens"]


def test_where_nothing_fits_it_is_tried_all_the_same(load: Load) -> None:
    inner = FakeEngine()
    events = list(with_free(2.0, inner).load(load))
    assert [each.ctx for each in inner.loads] == [0]
    assert [each.changes for each in adjustments(events)] == [""]


def test_memory_of_the_model_that_makes_way_is_asked_for(load: Load) -> None:
    asked: list[int | None] = []

    def machine(replaced: int | None) -> Machine:
        asked.append(replaced)
        return PLENTY

    inner = FakeEngine()
    engine = FittingEngine(inner, machine)
    list(engine.load(load))
    list(engine.load(load))
    assert asked == [None, inner.pid]


def test_a_bad_file_is_refused_before_a_process_is_started(tmp_path: Path) -> None:
    inner = FakeEngine()
    engine = FittingEngine(inner, lambda replaced: PLENTY)
    broken = headers.write(tmp_path / "broken.gguf", headers.model()[:-2000])
    with pytest.raises(BadModelFile, match="2,000 of"):
        list(engine.load(Load(Files(str(broken)))))
    tower = headers.write(tmp_path / "mmproj.gguf", headers.tower(width=128))
    whole = headers.write(tmp_path / "whole.gguf", headers.model())
    with pytest.raises(BadModelFile, match="belongs to another model"):
        list(engine.load(Load(Files(str(whole), str(tower)))))
    assert inner.loads == []


def test_a_model_elsewhere_is_neither_looked_at_nor_made_to_fit() -> None:
    inner = FakeEngine()
    engine = FittingEngine(inner, lambda replaced: pytest.fail("memory here doesn't matter"))
    load = Load(Endpoint("http://localhost:8080/v1", "qwen"))
    assert [type(event) for event in engine.load(load)] == [Loading, Loaded, Finished]
    assert inner.loads == [load] and not inner.plans
    assert engine.info is not None and engine.info.source == load.source
    inner.script(killed("prefill"))
    with pytest.raises(EngineCrashed):
        list(engine.generate(ASKED))
    assert len(inner.loads) == 1


def test_streams_need_not_be_generators(load: Load) -> None:
    class Listed(FakeEngine):
        def load(self, request: Load) -> Iterator[Event]:
            return iter(list(super().load(request)))

        def generate(self, request: Generate) -> Iterator[Event]:
            return iter(list(super().generate(request)))

    engine = FittingEngine(Listed(), lambda replaced: PLENTY)
    list(engine.load(load))
    assert isinstance(list(engine.generate(ASKED))[-1], Finished)


def test_a_simulation_that_dies_leaves_the_header_to_tell(load: Load) -> None:
    inner = FakeEngine()

    def dies(request: Load) -> Planned:
        raise crash("plan")

    inner.planned = dies
    prospect = Prospect.of(load)
    need = prospect.simulated(prospect.wanted, PLENTY, inner)
    assert need == prospect.estimated(prospect.wanted, PLENTY)


# ------------------------------------------------------------------------------ running out of it


@pytest.mark.parametrize("error", [killed("load"), OutOfMemory("no memory for the KV cache")])
def test_a_load_that_runs_out_of_memory_is_tried_once_with_less(
    load: Load, error: EngineCrashed | OutOfMemory
) -> None:
    inner = FakeEngine()
    inner.script_load(error)
    events = list(FittingEngine(inner, lambda replaced: PLENTY).load(load))
    assert [each.ctx for each in inner.loads] == [0, 2048]
    (told,) = adjustments(events)
    assert told == Adjusted(error.message, "a context of 2,048 tokens", {"ctx": 2048})
    assert [type(event) for event in events[-2:]] == [Loaded, Finished]
    assert sum(isinstance(event, Finished) for event in events) == 1


def test_a_second_time_it_is_an_error(load: Load) -> None:
    inner = FakeEngine()
    inner.script_load(killed("load"))
    inner.script_load(killed("load"))
    with pytest.raises(EngineCrashed):
        list(FittingEngine(inner, lambda replaced: PLENTY).load(load))
    assert len(inner.loads) == 2


@pytest.mark.parametrize("error", [crash("load"), LoadFailed("damaged")])
def test_another_failure_is_told_at_once(load: Load, error: LoadFailed | EngineCrashed) -> None:
    inner = FakeEngine()
    inner.script_load(error)
    with pytest.raises(type(error)):
        list(FittingEngine(inner, lambda replaced: PLENTY).load(load))
    assert len(inner.loads) == 1


def test_an_answer_that_memory_runs_out_for_begins_again_with_less(load: Load) -> None:
    inner = FakeEngine()
    engine = FittingEngine(inner, lambda replaced: PLENTY)
    list(engine.load(load))
    inner.script(killed("encode"))
    events = list(engine.generate(ASKED))
    assert [each.ctx for each in inner.loads] == [0, 2048]
    assert len(adjustments(events)) == 1
    assert [event.text for event in events if isinstance(event, Delta)] == ["Yes", "."]
    assert sum(isinstance(event, Finished) for event in events) == 1


def test_an_answer_that_has_begun_is_not_begun_again(load: Load) -> None:
    inner = FakeEngine()
    engine = FittingEngine(inner, lambda replaced: PLENTY)
    list(engine.load(load))
    inner.script(*answer("It", " is"), killed("decode"))
    with pytest.raises(EngineCrashed):
        list(engine.generate(ASKED))
    assert len(inner.loads) == 1


def test_leaving_a_stream_early_cancels_the_engine(load: Load) -> None:
    inner = FakeEngine()
    engine = FittingEngine(inner, lambda replaced: PLENTY)
    list(engine.load(load))
    events = iter(engine.generate(ASKED))
    next(events)
    events.close()
    assert inner.abandoned == 1


# ------------------------------------------------------------------------------- the real engine


@pytest.fixture
def client(tmp_path: Path) -> Iterator[EngineClient]:
    engine = EngineClient(tmp_path / "engine.log")
    yield engine
    engine.close()


def test_the_real_engine_without_memory_loads_with_half_the_context(
    client: EngineClient, tmp_path: Path
) -> None:
    """Limits the engine's process alone: 1.07 GB of KV cache are refused, 537 MB are not."""
    files = make_model.ensure("small", tmp_path)
    request = Load(Files(str(files.model), str(files.mmproj)), "small", ctx=262_144)
    client.plan(request)  # starts the process
    assert client.pid is not None
    mapped = int(Path(f"/proc/{client.pid}/statm").read_text().split()[0]) * 4096
    room = mapped + 1_000_000_000
    resource.prlimit(client.pid, resource.RLIMIT_AS, (room, room))
    engine = FittingEngine(client, lambda replaced: PLENTY)
    events = list(engine.load(request))
    assert [each.changes for each in adjustments(events)] == ["a context of 131,072 tokens"]
    assert engine.info is not None
    assert engine.info.context_size == 131072
    *_, last = engine.generate(Generate((user("Hello"),), Sampling(max_tokens=2)))
    assert isinstance(last, Finished)


def test_this_machine_has_memory_and_counts_a_process_as_free(client: EngineClient) -> None:
    machine = this_machine()
    assert 0 < machine.free <= machine.total
    list(client.load(demo()))
    assert client.pid is not None
    assert this_machine(client.pid).total == machine.total


def demo() -> Load:
    from vlmtui.models import library

    model = library.resolve("demo")
    return Load(Files(str(model.path), str(model.mmproj)), model.name)
