"""Metadata of any type where a count belongs: nothing is hidden by it, and nothing crashes."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import headers
from vlmtui.chat import fit_verdict
from vlmtui.chat.fitting import Prospect
from vlmtui.engine.engine_requests import Files, Load
from vlmtui.errors import VlmtuiError
from vlmtui.models import facts, gguf
from vlmtui.models.discovery import discover
from vlmtui.models.fit import Machine
from vlmtui.models.gguf import header
from vlmtui.settings import Settings

MACHINE = Machine(free=10**10, total=10**10)

KEYS = (
    "llama.context_length",
    "llama.embedding_length",
    "llama.block_count",
    "llama.feed_forward_length",
    "llama.attention.head_count",
    "llama.attention.head_count_kv",
    "llama.attention.key_length",
    "llama.attention.value_length",
    "llama.attention.sliding_window",
    "llama.expert_used_count",
    "llama.expert_feed_forward_length",
    "llama.n_deepstack_layers",
    "llama.shortconv.l_cache",
    "llama.ssm.inner_size",
    "llama.ssm.conv_kernel",
    "general.file_type",
    "general.name",
    "general.type",
    "clip.projector_type",
    "clip.vision.patch_size",
    "clip.vision.image_size",
    "clip.vision.embedding_length",
    "clip.vision.feed_forward_length",
    "clip.vision.projector.scale_factor",
)

thorough = hypothesis.settings(max_examples=600)

numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.sampled_from([0, 1, 2, 64, 2**31, 2**64 - 1]), st.floats()
)
values = st.one_of(
    numbers,
    st.booleans(),
    st.text(max_size=5),
    st.lists(numbers, max_size=5).map(tuple),
    st.integers(0, 2**63).map(header.Array),
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[gguf.Header, gguf.Header]:
    folder = tmp_path_factory.mktemp("odd")
    files = (("m.gguf", headers.model()), ("mmproj.gguf", headers.tower()))
    model, tower = (gguf.from_path(headers.write(folder / name, each)) for name, each in files)
    return model, tower


@thorough
@given(odd=st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
def test_any_value_can_be_reckoned_with_or_is_told(
    pair: tuple[gguf.Header, gguf.Header], odd: dict[str, header.Value]
) -> None:
    model, tower = (
        msgspec.structs.replace(each, metadata={**each.metadata, **odd}) for each in pair
    )
    load = Load(Files("/m.gguf", "/mmproj.gguf"), "odd")
    try:
        expected = fit_verdict.of_prospect(Prospect(load, model, tower), MACHINE)
    except VlmtuiError:
        return
    assert expected.word
    assert msgspec.json.encode(expected.fit)


@thorough
@given(odd=st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
def test_what_is_kept_of_a_file_can_be_written_down(
    pair: tuple[gguf.Header, gguf.Header], odd: dict[str, header.Value]
) -> None:
    for kind, each in zip(("model", "tower"), pair, strict=True):
        changed = msgspec.structs.replace(each, metadata={**each.metadata, **odd})
        kept = facts._facts(kind, changed)
        assert msgspec.json.decode(msgspec.json.encode(kept), type=facts.Facts) == kept


def test_one_odd_file_hides_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    nans = struct.pack("<IQ", 6, 2) + struct.pack("<2f", math.nan, math.nan)
    odd = ("llama.attention.head_count", headers.ARRAY, nans)
    headers.write(folder / "odd.gguf", headers.model(odd))
    headers.write(folder / "sound.gguf", headers.model())
    settings = Settings(model_dirs=[str(folder)])
    found = discover(settings.model_dirs).models
    assert {"odd", "sound"} <= {model.name for model in found}
    for model in found:
        if model.name in ("odd", "sound"):
            assert fit_verdict.of_model(model, settings, MACHINE).word == "fits"
