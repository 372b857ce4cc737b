"""What headers predict, against llama.cpp's simulated loads of real shapes and measured peaks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bench import fit as bench_fit
from bench import shapes
from tests.models import headers
from vlmtui.engine import images
from vlmtui.engine.backends.llamacpp import simulated_load, vision
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.models import gguf, memory, tower_memory
from vlmtui.models.memory import Setup

Written = Callable[[str], shapes.Files]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    client = EngineClient(tmp_path_factory.mktemp("engine") / "log")
    yield client
    client.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Writes the files of a shape, once."""
    return functools.cache(lambda name: shapes.write(name, tmp_path_factory.mktemp(name)))


SIMULATED = (
    "llama-0.1",
    "mqa-0.3",
    "mrope-0.2",
    "swa-0.4",
    "llava-7b",
    "smolvlm2-2.2b",
    "lfm2-1.2b",
    "qwen3.5-0.8b",
    "qwen3.5-4b",
)


@pytest.mark.parametrize("kv", ["f16", "q8_0"])
@pytest.mark.parametrize("name", SIMULATED)
def test_a_header_predicts_what_llama_cpp_would_take(
    name: str, kv: str, engine: EngineClient, written: Written
) -> None:
    files = written(name)
    model, mmproj = gguf.from_path(files.model), gguf.from_path(files.mmproj)
    setup = Setup(ctx=4096, kv=kv)
    planned = engine.plan(Load(Files(str(files.model), str(files.mmproj)), ctx=4096, kv=kv))
    need = memory.estimate(model, mmproj, setup)
    assert kv in memory.kv_types(model)
    assert need.weights.host == pytest.approx(sum(d.weights for d in planned.devices), rel=0.01)
    assert need.kv.host == pytest.approx(sum(d.kv for d in planned.devices), rel=0.01)
    assert need.compute.host == pytest.approx(sum(d.compute for d in planned.devices), rel=0.15)
    assert need.mmproj.host == planned.mmproj


@pytest.mark.parametrize(
    ("name", "kept", "state"),
    [("qwen3.5-4b", 3, 24 * 4 * (4096 * 128 + 3 * 8192)), ("mqa-0.3", 0, 0)],
)
def test_the_states_that_are_kept_for_going_back_are_counted(
    name: str, kept: int, state: int, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written(name)
    monkeypatch.setattr(simulated_load, "resident_bytes", lambda: 0)
    load = Load(Files(str(files.model)), ctx=4096)
    without = simulated_load.simulate(msgspec.structs.replace(load, checkpoint_bytes=0))
    assert simulated_load.simulate(load).process - without.process == kept * state
    model = gguf.from_path(files.model)
    vocabulary = 330 * model.length("tokenizer.ggml.tokens")
    assert memory.process_bytes(model) == 48_000_000 + vocabulary + kept * state


@pytest.mark.parametrize("name", ["demo", "llama-0.1", "mrope-0.2"])
def test_the_real_peak_is_predicted_within_a_tenth_and_hardly_ever_too_low(
    name: str, tmp_path: Path
) -> None:
    measured = bench_fit.measure(name, tmp_path, ctx=2048)
    for predicted in (measured.header, measured.simulated):
        assert 0.97 <= predicted / measured.peak <= 1.10, measured


def setup_of(ctx: int, kv: str = "f16") -> Setup:
    return Setup(ctx=ctx, kv=kv)


def header(tmp_path: Path, *pairs: headers.Pair, **shape: int) -> gguf.Header:
    return gguf.from_path(headers.write(tmp_path / "m.gguf", headers.model(*pairs, **shape)))


def test_fewer_heads_make_a_smaller_cache(tmp_path: Path) -> None:
    def cache(kv_heads: int) -> int:
        heads = [
            headers.u32("llama.attention.head_count", 8),
            headers.u32("llama.attention.head_count_kv", kv_heads),
        ]
        return sum(memory.kv_bytes(header(tmp_path, *heads, width=512), setup_of(1024)))

    assert cache(8) == 2 * 1024 * 2 * 512 * 2  # layers, cells, key and value, f16
    assert cache(8) == 4 * cache(2) == 8 * cache(1)


def test_layers_that_read_the_cache_of_others_have_none(tmp_path: Path) -> None:
    shared = headers.u32("llama.attention.shared_kv_layers", 1)
    assert memory.kv_bytes(header(tmp_path, shared, width=512), setup_of(1024)) == [
        1024 * 2 * 512 * 2,
        0,
    ]


def test_a_context_is_rounded_as_llama_cpp_rounds_it() -> None:
    assert [memory.rounded_ctx(ctx) for ctx in (1, 256, 257, 4096)] == [256, 256, 512, 4096]


def test_heads_that_are_no_whole_blocks_allow_no_quantised_cache(tmp_path: Path) -> None:
    heads = headers.u32("llama.attention.head_count", 4)
    assert memory.kv_types(header(tmp_path, heads, width=192)) == ("f16",)  # 48 wide
    assert memory.kv_types(header(tmp_path, heads, width=256)) == ("f16", "q8_0", "q4_0")


def test_layers_go_to_the_gpu_from_the_output_backwards(tmp_path: Path) -> None:
    heads = headers.u32("llama.attention.head_count", 4)
    model = header(tmp_path, heads, width=256, layers=4)

    def weights(layers: int) -> memory.Bytes:
        setup = Setup(ctx=512, gpu_layers=layers)
        return memory.estimate(model, None, setup, gpu=True).weights

    assert weights(0) == (model.weights, 0)
    assert weights(1).gpu == model.output
    assert weights(3).gpu == model.output + 2 * model.layers[0]
    assert weights(-1).gpu == model.output + sum(model.layers)
    assert weights(-1).host == model.embeddings


def test_a_larger_picture_takes_more_where_it_is_seen_in_its_own_size(written: Written) -> None:
    files = written("mrope-0.2")
    model, mmproj = gguf.from_path(files.model), gguf.from_path(files.mmproj)

    def images(picture: tuple[int, int] | None, ctx: int = 4096) -> int:
        need = memory.estimate(model, mmproj, setup_of(ctx), picture=picture)
        return need.images.host

    assert images((280, 280)) < images((560, 560)) < images((1120, 1120)) < images(None)
    assert images((9000, 9000)) == images(None)  # scaled down to what the context holds
    assert images(None, 2048) < images(None, 4096)


def test_the_pixels_of_a_picture_file_are_counted_as_far_as_the_engine_decodes_them(
    written: Written,
) -> None:
    assert images.MAX_PIXELS == tower_memory._LARGEST_FILE
    assert vision._PIXELS_OF_TOKEN == tower_memory._PIXELS_OF_TOKEN
    files = written("llava-7b")  # a tower that sees all pictures in one size
    model, mmproj = gguf.from_path(files.model), gguf.from_path(files.mmproj)

    def host(picture: tuple[int, int] | None) -> int:
        return memory.estimate(model, mmproj, setup_of(4096), picture=picture).images.host

    assert host((2000, 1000)) - host((1000, 1000)) == 4_000_000
    assert host((9000, 9000)) == host(None)
    assert host(None) - host((1000, 1000)) < 4 * images.MAX_PIXELS / 2


def test_a_header_with_nonsense_in_it_is_reckoned_with_and_not_fallen_over(tmp_path: Path) -> None:
    nonsense = [
        headers.u32("llama.attention.head_count", 0),
        headers.u32("llama.attention.key_length", 2**32 - 1),
        headers.u32("llama.context_length", 0),
    ]
    model = header(tmp_path, *nonsense)
    assert memory.default_ctx(model) == memory.DEFAULT_CTX
    assert sum(memory.estimate(model, None, setup_of(256)).total) > 0
