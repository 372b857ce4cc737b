"""A simulated load predicts the real one, and disturbs nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bench import make_model
from tests.engine.conftest import demo_load
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Finished, Loaded
from vlmtui.engine.engine_requests import Files, Generate, Load, Sampling
from vlmtui.errors import LoadFailed
from vlmtui.messages import user
from vlmtui.models import gguf

Start = Callable[..., EngineClient]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[EngineClient]:
    engine = EngineClient(tmp_path / "engine.log")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Load:
    files = make_model.ensure("small", tmp_path_factory.mktemp("small"))
    return Load(Files(str(files.model), str(files.mmproj)), "small", ctx=1024)


def test_a_plan_counts_weights_and_cache(client: EngineClient, small: Load) -> None:
    planned = client.plan(small)
    model, mmproj = (
        gguf.from_path(Path(str(path))) for path in (small.files.model, small.files.mmproj)
    )
    assert sum(device.weights for device in planned.devices) == model.weights
    assert sum(device.kv for device in planned.devices) == 4 * 1024 * 2 * 256 * 2  # layers, f16
    assert planned.mmproj == mmproj.weights
    assert planned.context_size == 1024
    assert 0 < planned.mmproj_compute < planned.mmproj
    assert 20_000_000 < planned.process < 200_000_000
    assert client.info is None


def test_a_quantised_cache_is_smaller_and_answers(client: EngineClient, small: Load) -> None:
    sizes = {}
    for kv in ("f16", "q8_0", "q4_0"):
        load = msgspec.structs.replace(small, kv=kv)
        sizes[kv] = sum(device.kv for device in client.plan(load).devices)
        assert any(isinstance(event, Loaded) for event in client.load(load))
        asked = Generate((user("Hello"),), Sampling(temperature=0, max_tokens=3))
        *_, last = client.generate(asked)
        assert isinstance(last, Finished)
        assert last.stats.generated_tokens == 3
    assert sizes["q8_0"] == sizes["f16"] * 34 // 64
    assert sizes["q4_0"] == sizes["f16"] * 18 // 64


def test_a_cache_that_cannot_be_quantised_is_told(client: EngineClient) -> None:
    """The demo model's heads are 48 wide, and a block of q8_0 holds 32."""
    with pytest.raises(LoadFailed, match="block size"):
        client.plan(demo_load(kv="q8_0"))
    with pytest.raises(LoadFailed, match="block size") as caught:
        list(client.load(demo_load(kv="q8_0")))
    assert "f16" in caught.value.hint


def test_a_larger_context_takes_more(client: EngineClient) -> None:
    small_, large = (client.plan(demo_load(ctx=ctx)).devices[0] for ctx in (1024, 2048))
    assert large.kv == 2 * small_.kv
    assert large.weights == small_.weights


def test_planning_leaves_what_is_loaded_alone(start: Start) -> None:
    engine = start(ctx=512)
    process = engine.pid
    assert engine.plan(demo_load(ctx=2048)).context_size == 2048
    assert engine.pid == process
    assert engine.info is not None
    assert engine.info.context_size == 512


def test_a_plan_of_a_file_that_is_no_model_is_told(client: EngineClient, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(LoadFailed, match=r"broken\.gguf"):
        client.plan(Load(Files(str(broken))))
    assert client.plan(demo_load()).devices  # it still lives


def test_rearranged_weights_are_in_memory_once(client: EngineClient, tmp_path: Path) -> None:
    from bench import shapes

    files = shapes.write("q4_0-0.1", tmp_path)
    load = Load(Files(str(files.model)), ctx=256)
    if not any(device.name == "CPU_REPACK" for device in client.plan(load).devices):
        pytest.skip("this CPU takes Q4_0 as it is")
    list(client.load(load))
    weights = os.path.getsize(files.model)
    status = Path(f"/proc/{client.pid}/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak) * 1024 < 1.5 * weights + 100_000_000
