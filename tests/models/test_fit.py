"""Verdicts and proposals, from byte counts alone."""

from __future__ import annotations

import msgspec
import pytest

from vlmtui.models.fit import (
    Machine,
    Options,
    Smaller,
    alternatives,
    choose,
    describe,
    judge,
    step_down,
)
from vlmtui.models.memory import Bytes, Need, Setup

GB = 1_000_000_000


def llava(setup: Setup) -> Need:
    """LLaVA-1.5-7B on the CPU: 512 KiB of KV cache a token in f16."""
    share = {"f16": 1.0, "q8_0": 0.53, "q4_0": 0.28}[setup.kv]
    return Need(
        weights=Bytes(round(4.08 * GB)),
        kv=Bytes(round(setup.ctx * 524288 * share)),
        compute=Bytes(110_000_000),
        mmproj=Bytes(624_000_000),
        images=Bytes(40_000_000),
        process=Bytes(57_000_000),
    )


def on_gpu(setup: Setup) -> Need:
    """The same with 32 layers, as many of them as the setup says on a GPU."""
    need = llava(setup)
    share = (33 if setup.gpu_layers < 0 else setup.gpu_layers) / 33

    def moved(part: Bytes, share: float) -> Bytes:
        return Bytes(round(part.host * (1 - share)), round(part.host * share))

    return msgspec.structs.replace(
        need,
        weights=moved(need.weights, share),
        kv=moved(need.kv, share),
        mmproj=moved(need.mmproj, 1.0 if setup.mmproj_gpu and share else 0.0),
    )


WANTED = Setup(ctx=4096)
CPU_OPTIONS = Options(kv=("f16", "q8_0", "q4_0"), layers=32, mmproj=True)
GPU_OPTIONS = msgspec.structs.replace(CPU_OPTIONS, gpu=True)


def board(free: float) -> Machine:
    """A Jetson with 8 GB."""
    return Machine(free=round(free * GB), total=8 * GB, shared=True)


@pytest.mark.parametrize(
    ("free", "verdict"), [(7.8, "yes"), (7.3, "tight"), (7.0, "no"), (2.0, "no")]
)
def test_a_verdict_follows_what_stays_free(free: float, verdict: str) -> None:
    fit = judge(WANTED, llava(WANTED), board(free))
    assert fit.verdict == verdict
    assert fit.left == round(free * GB) - llava(WANTED).total.host
    assert not fit.on_gpu


def test_on_shared_memory_both_kinds_count_together() -> None:
    need = on_gpu(WANTED)
    assert judge(WANTED, need, board(7.0)).verdict == "no"
    plenty = Machine(free=2 * GB, total=32 * GB, gpu_free=8 * GB, gpu_total=12 * GB)
    assert judge(WANTED, need, plenty).verdict == "yes"


def test_a_gpu_of_its_own_can_be_the_narrow_place() -> None:
    narrow = Machine(free=30 * GB, total=32 * GB, gpu_free=4 * GB, gpu_total=6 * GB)
    fit = judge(WANTED, on_gpu(WANTED), narrow)
    assert (fit.verdict, fit.on_gpu) == ("no", True)


def test_an_automatic_load_keeps_the_wish_where_it_fits() -> None:
    assert choose(llava, WANTED, board(7.3), CPU_OPTIONS).setup == WANTED


def test_an_automatic_load_takes_the_largest_context_that_fits() -> None:
    fit = choose(llava, WANTED, board(6.6), CPU_OPTIONS)
    assert (fit.setup.ctx, fit.setup.kv) == (3072, "f16")
    assert fit.verdict != "no"
    assert choose(llava, WANTED, board(6.2), CPU_OPTIONS).setup.ctx == 2048


def test_an_automatic_load_combines_what_one_change_alone_does_not_reach() -> None:
    fit = choose(llava, WANTED, board(5.3), CPU_OPTIONS)
    assert fit.verdict != "no"
    assert fit.setup.ctx < WANTED.ctx
    assert fit.setup.kv != "f16"


def test_where_nothing_fits_the_wish_stays_with_its_verdict() -> None:
    fit = choose(llava, WANTED, board(3.0), CPU_OPTIONS)
    assert (fit.setup, fit.verdict) == (WANTED, "no")


def test_proposals_begin_with_the_context_and_say_what_they_take() -> None:
    found = alternatives(llava, WANTED, board(6.6), CPU_OPTIONS)
    assert [each.kind for each in found] == ["context", "kv"]
    assert [each.words for each in found] == [
        "a context of 3,072 tokens",
        "the KV cache in q8_0",
    ]
    assert all(each.fit is not None and each.fit.verdict != "no" for each in found)


def test_a_cache_that_cannot_be_quantised_is_not_proposed() -> None:
    options = msgspec.structs.replace(CPU_OPTIONS, kv=("f16",))
    assert [each.kind for each in alternatives(llava, WANTED, board(6.6), options)] == ["context"]


def test_on_a_gpu_of_its_own_tower_and_layers_may_leave_it() -> None:
    machine = Machine(free=30 * GB, total=32 * GB, gpu_free=6 * GB + 500_000_000, gpu_total=8 * GB)
    found = {each.kind: each for each in alternatives(on_gpu, WANTED, machine, GPU_OPTIONS)}
    assert {"context", "kv", "mmproj", "layers"} <= found.keys()
    assert found["mmproj"].words == "the vision tower on the CPU"
    layers = found["layers"].fit
    assert layers is not None
    assert 0 < layers.setup.gpu_layers < 33


def test_a_model_without_a_tower_has_none_to_be_moved() -> None:
    machine = Machine(free=30 * GB, total=32 * GB, gpu_free=6 * GB + 500_000_000, gpu_total=8 * GB)
    options = msgspec.structs.replace(GPU_OPTIONS, mmproj=False)
    assert "mmproj" not in {each.kind for each in alternatives(on_gpu, WANTED, machine, options)}


def test_on_shared_memory_nothing_is_moved_about() -> None:
    kinds = {each.kind for each in alternatives(on_gpu, WANTED, board(6.6), GPU_OPTIONS)}
    assert not kinds & {"mmproj", "layers"}


def test_another_loaded_model_is_proposed_for_unloading() -> None:
    options = msgspec.structs.replace(CPU_OPTIONS, other=Bytes(host=4 * GB))
    found = alternatives(llava, WANTED, board(3.5), options)
    assert [each.kind for each in found] == ["unload"]


def test_the_largest_smaller_model_that_fits_is_proposed() -> None:
    models = (Smaller("vila-3b", 3 * GB), Smaller("qwen2-vl-2b", 2 * GB), Smaller("7b", 7 * GB))
    options = msgspec.structs.replace(CPU_OPTIONS, models=models)
    found = alternatives(llava, WANTED, board(3.5), options)
    assert [each.words for each in found] == ["use a smaller model: vila-3b"]


def test_memory_of_a_model_that_makes_way_counts_as_free() -> None:
    machine = board(3.0).with_more(Bytes(host=1 * GB, gpu=2 * GB))
    assert machine.free == 6 * GB
    own = Machine(free=GB, total=8 * GB, gpu_free=GB, gpu_total=6 * GB)
    assert own.with_more(Bytes(gpu=20 * GB)).gpu_free == 6 * GB


def test_after_running_out_of_memory_the_next_step_is_smaller_until_there_is_none() -> None:
    setup: Setup | None = Setup(ctx=4096)
    steps = []
    while setup is not None:
        steps.append((setup.mmproj_gpu, setup.ctx, setup.kv))
        setup = step_down(setup, GPU_OPTIONS)
    assert steps == [
        (True, 4096, "f16"),
        (False, 4096, "f16"),
        (False, 2048, "f16"),
        (False, 1024, "f16"),
        (False, 1024, "q8_0"),
    ]


def test_changes_are_said_in_words() -> None:
    setup = Setup(ctx=2048, kv="q8_0", gpu_layers=20, mmproj_gpu=False)
    assert describe(setup, WANTED) == (
        "a context of 2,048 tokens, the KV cache in q8_0, the vision tower on the CPU, "
        "20 layers on the GPU"
    )
