"""Qwen2.5-VL and Qwen2-VL: an import computes what the models' own code does, at every trap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader

from tests.engine.asking import ask
from tests.engine.conftest import as_part
from tests.engine.zoo.pictures import paint
from tests.models.convert import llamacpp, qwen_reference
from tests.models.convert import qwen_checkpoint as checkpoints
from tests.models.convert.checkpoints import Made, save_safetensors
from tests.models.convert.conftest import Imported, imported
from tests.models.convert.qwen_reference import Floats
from vlmtui.engine.backends.llamacpp.chat_format import chat_format
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit
from vlmtui.engine.backends.llamacpp.vision import Vision
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Files, Load, Sampling
from vlmtui.errors import BadModelFile, InputError
from vlmtui.messages import user
from vlmtui.models import gguf
from vlmtui.models.convert import language_shape, qwen_tower
from vlmtui.models.convert.stored import Stored
from vlmtui.models.gguf import pairing

PROMPT = [257, 40, 50, 60, 45, 33, 70, 41, 258, 36]
_SAID = 3


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """A Qwen2.5-VL of small size; the weights that its AWQ would stand for, in float32."""
    folder = tmp_path_factory.mktemp("qwen")
    made = checkpoints.qwen(folder / "checkpoint", layout="gemm", exact=True)
    return imported(made, folder / "gguf")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of 5x9 and 8x6 tokens: whole windows, and parts of some at the edges."""
    folder = tmp_path_factory.mktemp("pictures")
    return [paint(folder, 1, 252, 140), paint(folder, 2, 168, 224)]


@pytest.fixture(scope="module")
def seen(qwen: Imported, pictures: list[Path]) -> list[Floats]:
    """What the engine puts in place of the pictures."""
    with llamacpp.loaded(qwen.model, qwen.mmproj) as model:
        return [llamacpp.embeddings(model, as_part(path)) for path in pictures]


def error(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """Root mean square over that of the reference: of all tokens, and of the worst."""
    assert ours.shape == theirs.shape
    size = np.sqrt((theirs**2).mean())
    by_token = np.sqrt(((ours - theirs) ** 2).mean(axis=1)) / size
    return float(np.sqrt((by_token**2).mean())), float(by_token.max())


def test_the_tower_is_qwens(qwen: Imported, pictures: list[Path], seen: list[Floats]) -> None:
    for path, ours in zip(pictures, seen, strict=True):
        whole, worst = error(ours, qwen_reference.picture_tokens(qwen.made, path))
        assert whole < 2e-3 and worst < 5e-3, (whole, worst)


@pytest.mark.parametrize(
    "wrong",
    [
        {"full": (0, 2)},
        {"full": (3,)},
        {"window": 0},
        {"window": 2},
        {"turned": True},
        {"merged": False},
        {"restored": False},
    ],
    ids=str,
)
def test_a_tower_that_is_another_would_be_seen(
    wrong: dict[str, Any], qwen: Imported, pictures: list[Path], seen: list[Floats]
) -> None:
    theirs = qwen_reference.picture_tokens(qwen.made, pictures[0], **wrong)
    assert error(seen[0], theirs)[0] > 0.1


def test_each_frame_has_its_half_of_the_convolution(qwen: Imported) -> None:
    """A still picture would look the same with both halves in one, or exchanged; a video not."""
    assert qwen.mmproj is not None
    found = {each.name: each.data for each in GGUFReader(qwen.mmproj).tensors}
    kernels = qwen.made.tower["patch_embed.proj.weight"]
    for frame, name in enumerate(("v.patch_embd.weight", "v.patch_embd.weight.1")):
        np.testing.assert_array_equal(found[name].astype(np.float32), kernels[:, :, frame])


def test_qwen2_vl_falls_out_of_the_same(tmp_path: Path, pictures: list[Path]) -> None:
    files = imported(checkpoints.qwen(tmp_path / "c", second=True, layers=1), tmp_path / "gguf")
    with llamacpp.loaded(files.model, files.mmproj) as model:
        ours = llamacpp.embeddings(model, as_part(pictures[0]))
    whole, worst = error(ours, qwen_reference.picture_tokens(files.made, pictures[0]))
    assert whole < 2e-3 and worst < 5e-3, (whole, worst)


def test_logits_are_the_models_own_around_pictures(qwen: Imported) -> None:
    draw = np.random.default_rng(0)
    grids = [(5, 9), (8, 6)]
    first, second = (draw.standard_normal((h * w, 256)).astype(np.float32) for h, w in grids)
    rows = [*PROMPT, first, *PROMPT[2:], second, *PROMPT[1:]]
    ours = llamacpp.logits(qwen.model, rows, grids)
    theirs = qwen_reference.logits(qwen.made, rows, grids)
    assert theirs.std() > 0.5
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    for sections in ((12, 8, 12), (32, 0, 0)):  # others, and RoPE over one position
        assert np.abs(ours - qwen_reference.logits(qwen.made, rows, grids, sections)).max() > 0.1
    unbiased = {k: v for k, v in qwen.made.language.items() if not k.endswith(".bias")}
    without = Made(qwen.made.folder, qwen.made.shape, unbiased, qwen.made.rows)
    assert np.abs(ours - qwen_reference.logits(without, rows, grids)).max() > 0.1


@pytest.mark.parametrize(
    ("layout", "newer", "tied"),
    [("gemm", False, True), ("gemv", True, False), ("gemv_fast", False, False), ("", True, True)],
)
def test_published_forms_are_imported(
    layout: str, newer: bool, tied: bool, tmp_path: Path, pictures: list[Path]
) -> None:
    made = checkpoints.qwen(tmp_path / "c", layout=layout, newer=newer, tied=tied, layers=1)
    files = imported(made, tmp_path / "gguf")
    assert files.mmproj is not None
    header, tower = gguf.from_path(files.model), gguf.from_path(files.mmproj)
    pairing.check(header, tower)
    assert header.architecture == "qwen2vl"
    assert header.metadata["tokenizer.ggml.pre"] == "qwen2"
    assert header.metadata["qwen2vl.rope.dimension_sections"] == (*checkpoints.SECTIONS, 0)
    assert ("output.weight" in header.by_name) != tied
    assert header.by_name["blk.0.attn_q.weight"].quant == ("Q4_1" if layout else "F16")
    assert tower.metadata["clip.vision.image_mean"] == pytest.approx(checkpoints.MEAN)
    ours, theirs = llamacpp.logits(files.model, PROMPT), qwen_reference.logits(made, PROMPT)
    far = np.sqrt(((ours - theirs) ** 2).mean()) / np.sqrt((theirs**2).mean())
    assert far < (2e-2 if layout else 2e-3)


def prompt(files: Imported, *messages: Any) -> list[int | str]:
    """The engine's prompt: tokens, and digests of pictures."""
    with llamacpp.loaded(files.model, files.mmproj) as model:
        vision = Vision(model, 0)
        template = chat_format(Load(Files(str(files.model), str(files.mmproj))), model).template
        built = PromptBuilder(template, model.vocabulary, vision.layout).build(messages)
        vision.close()
        return [unit.key if isinstance(unit, ImageUnit) else unit for unit in built.units]


def test_a_prompt_has_the_models_own_tokens_around_pictures(
    qwen: Imported, pictures: list[Path]
) -> None:
    """Begin and end of a picture once each, nothing between; no token before the whole."""
    parts = tuple(map(as_part, pictures))
    rows = prompt(qwen, user("What is there", parts))
    text = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|>@<|vision_end|><|vision_start|>@<|vision_end|>What is there<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    with llamacpp.loaded(qwen.model) as model:
        before, between, after = (
            model.vocabulary.tokenize(piece, parse_special=True) for piece in text.split("@")
        )
    assert rows == [*before, parts[0].key, *between, parts[1].key, *after]


@pytest.fixture(scope="module")
def engine(qwen: Imported, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    client = EngineClient(tmp_path_factory.mktemp("engine") / "engine.log")
    for _ in client.load(Load(Files(str(qwen.model), str(qwen.mmproj)), ctx=1024)):
        pass
    yield client
    client.close()


def test_greedy_answers_are_the_models_own_warm_and_cold(
    engine: EngineClient, qwen: Imported, pictures: list[Path]
) -> None:
    """About two pictures, then a follow-up, read on top of what is kept; the reference is NumPy."""
    greedy = Sampling(temperature=0, max_tokens=_SAID)
    parts = tuple(map(as_part, pictures))
    tokens = {
        part.key: (qwen_reference.picture_tokens(qwen.made, path), qwen_reference.grid(path))
        for part, path in zip(parts, pictures, strict=True)
    }
    asked = (user("What is there", parts),)
    rows = prompt(qwen, *asked)
    answer = ask(engine, *asked, sampling=greedy)
    said, text = own_answer(qwen, rows, tokens)
    assert answer.text == text
    with llamacpp.loaded(qwen.model) as model:
        follow_up = "<|im_end|>\n<|im_start|>user\nis the<|im_end|>\n<|im_start|>assistant\n"
        rest = model.vocabulary.tokenize(follow_up, parse_special=True)
    asked = answer.followed_by(asked, user("is the"))
    warm = ask(engine, *asked, sampling=greedy)
    assert warm.finished.stats.reused_tokens > 45 + 48
    assert warm.text == own_answer(qwen, [*rows, *said, *rest], tokens)[1]
    ask(engine, user("is"), sampling=greedy)
    assert ask(engine, *asked, sampling=greedy).text == warm.text


def own_answer(
    files: Imported, rows: list[int | str], seen: dict[str, tuple[Floats, tuple[int, int]]]
) -> tuple[list[int], str]:
    """The reference's answer: tokens and text."""
    given = [seen[row][0] if isinstance(row, str) else row for row in rows]
    grids = [seen[row][1] for row in rows if isinstance(row, str)]
    said: list[int] = []
    for _ in range(_SAID):
        found = qwen_reference.logits(files.made, [*given, *said], grids)[-1]
        second, best = np.sort(found)[-2:]
        assert best - second > 0.05, "too near to tell: another seed is needed"
        said.append(int(found.argmax()))
    with llamacpp.loaded(files.model) as model:
        return said, b"".join(map(model.vocabulary.piece, said)).decode()


def test_a_published_configuration_leaves_out_what_is_usual() -> None:
    """That of the 32B in AWQ, as far as it matters; layers, heads and windows aren't in it."""
    vision = {"hidden_size": 1280, "in_chans": 3, "intermediate_size": 3456, "tokens_per_second": 2}
    shapes = {"patch_embed.proj.weight": (1280, 3, 2, 14, 14), "merger.ln_q.weight": (1280,)}
    shapes |= {"merger.mlp.0.weight": (5120, 5120), "merger.mlp.0.bias": (5120,)}
    shapes |= {"merger.mlp.2.weight": (5120, 5120), "merger.mlp.2.bias": (5120,)}
    for layer in range(32):
        prefix = f"blocks.{layer}."
        shapes |= {f"{prefix}norm{which}.weight": (1280,) for which in "12"}
        for name, rows, columns in (
            *(("attn.qkv", 3840, 1280), ("attn.proj", 1280, 1280)),
            *(("mlp.gate_proj", 3456, 1280), ("mlp.up_proj", 3456, 1280)),
            ("mlp.down_proj", 1280, 3456),
        ):
            shapes |= {f"{prefix}{name}.weight": (rows, columns), f"{prefix}{name}.bias": (rows,)}
    stored = {name: Stored(name, Path("w"), 0, "BF16", shape) for name, shape in shapes.items()}
    tower = qwen_tower.Tower({**vision, "model_type": "qwen2_5_vl"}, stored, {}, 5120, "m")
    told = tower.metadata()
    assert told["clip.vision.block_count"] == 32
    assert told["clip.vision.attention.head_count"] == 16
    assert told["clip.vision.n_wa_pattern"] == 8
    assert len(tower.items) == 2 + 32 * 16 + 1 + 4
    language = {
        **{"model_type": "qwen2_5_vl_text", "hidden_size": 5120, "num_attention_heads": 40},
        "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"},
    }
    shape = language_shape.shape_of(language, "m")
    assert (shape.theta, shape.epsilon, shape.kv_heads, shape.scaling) == (1e6, 1e-5, 8, {})
    assert shape.sections == (16, 24, 24)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vision": {"fullatt_block_indexes": [1, 2]}}, r"fullatt_block_indexes are \[1, 2\]"),
        ({"vision": {"window_size": 56}}, "window_size is 56, and not 112"),
        ({"vision": {"spatial_merge_size": 4}}, "spatial_merge_size is 4, and not 2"),
        ({"vision": {"hidden_act": "gelu"}}, "hidden_act is 'gelu', and not 'silu'"),
        ({"vision": {"rope_parameters": {"rope_theta": 1e5}}}, "rope_theta is 100000.0"),
        ({"vision": {"num_heads": 5}}, "5 heads can't share a width of 64"),
        ({"vision": {"depth": 5}}, r"has no tensor blocks\.4\.norm1\.weight"),
        ({"vision": {"depth": 2}}, r"tensors that no such tower has: blocks\.2\."),
        (
            {"vision": {"intermediate_size": 95}},
            r"mlp\.gate_proj\.weight should be 95 x 64 by",
        ),
        ({"rope_scaling": {"type": "mrope"}}, "mrope_section is None"),
        (
            {"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}},
            "three numbers were expected that are 32 together",
        ),
        (
            {"rope_scaling": {"type": "yarn", "factor": 4, "mrope_section": [8, 12, 12]}},
            "RoPE is scaled in the way 'yarn'",
        ),
        ({"use_sliding_window": True}, "sliding window"),
        ({"model_type": "qwen3_vl", "architectures": ["Qwen3VLForX"]}, "Qwen3VLForX, which"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_graphs_do_not_compute_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    made = checkpoints.qwen(tmp_path / "c", layers=1)
    checkpoints.change(made, **changes)
    with pytest.raises((BadModelFile, InputError), match=said):
        imported(made, tmp_path / "gguf")


@pytest.mark.parametrize(
    ("layout", "missing"),
    [
        ("gemm", "model.layers.0.self_attn.k_proj.bias"),
        ("", "lm_head.weight"),
        ("", "visual.blocks.3.attn.qkv.bias"),
    ],
)
def test_a_missing_tensor_is_named(layout: str, missing: str, tmp_path: Path) -> None:
    """The biases of AWQ's layers among them, without which a model says nonsense."""
    made = checkpoints.qwen(tmp_path / "c", layout=layout, layers=1, without=missing)
    with pytest.raises(BadModelFile, match=missing.removeprefix("visual.")):
        imported(made, tmp_path / "gguf")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("visual.deepstack_merger_list.0.norm.weight", "no such tower has: deepstack_merger"),
        ("model.layers.0.self_attn.q_norm.weight", r"no qwen2vl has: .*q_norm"),
        ("audio_tower.conv1.weight", r"audio_tower\.conv1\.weight, which no Qwen2\.5-VL has"),
    ],
)
def test_an_unexpected_tensor_is_named(name: str, said: str, tmp_path: Path) -> None:
    made = checkpoints.qwen(tmp_path / "c", layers=1)
    save_safetensors(made.folder / "model-more.safetensors", {name: np.ones(64, np.float16)})
    with pytest.raises((BadModelFile, InputError), match=said):
        imported(made, tmp_path / "gguf")
