"""Vision towers of the other projectors that libmtmd has, beside those of whole `KINDS`.

Any language model goes with them: what they show it is a row of numbers. Left out are towers that
are no ViT, or larger than what a test can make: `gemma3nv` (MobileNet), `yasa2` (ConvNeXt),
`deepseekocr` and `deepseekocr2` (SAM), `granite4_vision` (Q-Formers), `deepseek4v`, `dots3note_v`,
and the first ones for phones and boards, `ldp`, `ldpv2` and `adapter`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.engine.zoo import tower
from tests.engine.zoo.tower import HEADS, LAYERS, WIDTH, Tower
from tests.engine.zoo.weights import Weights

MIDDLE = 40
"""Width between two layers of a projector."""

Add = Callable[[Weights, int], None]


def _number(key: str, value: int) -> Add:
    return lambda weights, _width: weights.file.add_uint32(f"clip.vision.{key}", value)


def _pixels(weights: Weights, _width: int) -> None:
    """The least and the largest picture, where a tower's file tells both."""
    weights.file.add_uint32("clip.vision.image_min_pixels", 28 * 28 * 4)
    weights.file.add_uint32("clip.vision.image_max_pixels", 28 * 28 * 256)


def _mlp(first: int, last: int, inputs: int) -> Add:
    """Two layers, `mm.FIRST` and `mm.LAST`."""

    def add(weights: Weights, width: int) -> None:
        weights.linear(f"mm.{first}", MIDDLE, inputs)
        weights.linear(f"mm.{last}", width, MIDDLE)

    return add


def _norm(name: str, size: int) -> Add:
    return lambda weights, _width: weights.norm(name, size)


def _vector(name: str, size: int | None = None) -> Add:
    """Without a size, as wide as the language model."""
    return lambda weights, width: weights.vector(name, size or width, 1.0)


def _matrix(name: str, *shape: int) -> Add:
    """0 in a shape is the language model's width."""
    return lambda weights, width: weights.matrix(name, *(side or width for side in shape))


def _linear(name: str, rows: int, inputs: int) -> Add:
    return lambda weights, width: weights.linear(name, rows or width, inputs)


def _all(*parts: Add) -> Add:
    def add(weights: Weights, width: int) -> None:
        for part in parts:
            part(weights, width)

    return add


def _sinks(weights: Weights, _width: int) -> None:
    weights.file.add_array("clip.vision.wa_pattern_mode", [0, 1])
    for block in range(LAYERS):
        weights.vector(f"v.blk.{block}.attn_sinks", HEADS)


def _window_merger(weights: Weights, _width: int) -> None:
    """MiniCPM-V 4.6 joins four patches to one behind its first layer."""
    weights.file.add_array("clip.vision.wa_layer_indexes", [0])
    prefix = "v.vit_merger."
    weights.norm(f"{prefix}ln1", WIDTH)
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        weights.linear(prefix + name, WIDTH, WIDTH)
    weights.norm(f"{prefix}ds_ln", 4 * WIDTH)
    weights.linear(f"{prefix}ds_ffn_up", MIDDLE, 4 * WIDTH)
    weights.linear(f"{prefix}ds_ffn_down", WIDTH, MIDDLE)


def _glm(weights: Weights, width: int) -> None:
    weights.matrix("mm.patch_merger.weight", MIDDLE, WIDTH, 2, 2)
    weights.vector("mm.patch_merger.bias", MIDDLE)
    weights.matrix("mm.model.fc.weight", MIDDLE, MIDDLE)
    weights.norm("mm.post_norm", MIDDLE)
    weights.linear("mm.up", MIDDLE, MIDDLE)
    weights.linear("mm.gate", MIDDLE, MIDDLE)
    weights.linear("mm.down", width, MIDDLE)


def _hunyuan(weights: Weights, width: int) -> None:
    weights.matrix("mm.0.weight", MIDDLE, WIDTH, 2, 2)
    weights.vector("mm.0.bias", MIDDLE)
    weights.matrix("mm.2.weight", MIDDLE, MIDDLE, 1, 1)
    weights.vector("mm.2.bias", MIDDLE)
    weights.linear("mm.model.fc", width, MIDDLE)
    weights.vector("mm.pre_norm.weight", WIDTH, 1.0)
    weights.vector("mm.post_norm.weight", width, 1.0)
    weights.vector("mm.image_begin", width)
    weights.vector("mm.image_end", width)
    weights.vector("v.image_newline", MIDDLE)


_POOLED = _all(_number("projector.scale_factor", 2))
_MERGED = _all(_number("spatial_merge_size", 2))

# what each projector's Tower is made of: side of the picture, of a patch, then the projector
_qwen_like = partial(Tower, image=112, patch=14, frames=2, patch_bias=False, positions=0)

PROJECTORS: dict[str, Tower] = {
    each.projector: each
    for each in (
        Tower("mlp", 56, 14, _mlp(0, 2, WIDTH), class_embedding=True, patch_bias=False),
        _qwen_like("qwen2vl_merger", add_projector=_mlp(0, 2, 4 * WIDTH)),
        _qwen_like(
            "ling3vl",
            add_projector=_all(_norm("mm.input_norm", WIDTH), _mlp(0, 2, 4 * WIDTH)),
            patch_bias=True,
            positions=None,
        ),
        _qwen_like(
            "exaone4_5",
            add_projector=_all(
                _pixels, _number("attention.head_count_kv", HEADS), _mlp(0, 2, 4 * WIDTH)
            ),
            fused=True,
            gated=True,
        ),
        _qwen_like(
            "mimovl",
            add_projector=_all(
                _pixels,
                _number("attention.head_count_kv", HEADS),
                _number("window_size", 8),
                _sinks,
                _mlp(0, 2, 4 * WIDTH),
            ),
            fused=True,
            gated=True,
        ),
        _qwen_like("glm4v", add_projector=_glm, patch_bias=True, gated=True),
        _qwen_like(
            "glm5v",
            add_projector=_all(
                _pixels,
                lambda weights, _: weights.file.add_float32("clip.vision.swiglu_clamp", 7.0),
                _glm,
            ),
            patch_bias=True,
            gated=True,
        ),
        _qwen_like(
            "minimax_m3",
            add_projector=_all(
                _linear("mm.1", MIDDLE, WIDTH),
                _linear("mm.2", MIDDLE, MIDDLE),
                _linear("mm.merger.fc1", MIDDLE, 4 * MIDDLE),
                _linear("mm.merger.fc2", 0, MIDDLE),
            ),
        ),
        Tower(
            "pixtral",
            112,
            14,
            _all(
                _MERGED,
                _vector("mm.input_norm.weight", WIDTH),
                _matrix("mm.patch_merger.weight", WIDTH, 4 * WIDTH),
                _mlp(1, 2, WIDTH),
                _vector("v.token_embd.img_break"),
            ),
            positions=0,
            pre_norm=True,
            post_norm=False,
            gated=True,
        ),
        Tower(
            "lightonocr",
            112,
            14,
            _all(
                _MERGED,
                _number("preproc_image_size", 112),
                _vector("mm.input_norm.weight", WIDTH),
                _matrix("mm.patch_merger.weight", WIDTH, 4 * WIDTH),
                _mlp(1, 2, WIDTH),
            ),
            positions=0,
            pre_norm=True,
            post_norm=False,
            gated=True,
        ),
        Tower(
            "kimivl",
            112,
            14,
            _all(_POOLED, _norm("mm.input_norm", WIDTH), _mlp(1, 2, 4 * WIDTH)),
        ),
        Tower(
            "kimik25",
            112,
            14,
            _all(
                _POOLED,
                _matrix("v.position_embd.weight", 8, 8, WIDTH),
                _norm("mm.input_norm", WIDTH),
                _mlp(1, 2, 4 * WIDTH),
            ),
            positions=0,
        ),
        Tower(
            "paddleocr",
            112,
            14,
            _all(_pixels, _norm("mm.input_norm", WIDTH), _mlp(1, 2, 4 * WIDTH)),
        ),
        Tower(
            "dots_ocr",
            112,
            14,
            _all(
                _POOLED,
                _pixels,
                _norm("mm.input_norm", WIDTH),
                _vector("mm.post_norm.weight", WIDTH),
                _mlp(0, 2, 4 * WIDTH),
            ),
            positions=0,
            post_norm=False,
            gated=True,
        ),
        Tower("hunyuanvl", 112, 14, _hunyuan),
        Tower("phi4", 112, 14, _all(_pixels, _mlp(0, 2, WIDTH))),
        Tower("janus_pro", 56, 14, _mlp(0, 1, WIDTH)),
        Tower(
            "gemma4v",
            96,
            8,
            _all(
                _matrix("v.position_embd.weight", 2, 400, WIDTH),
                _matrix("mm.input_projection.weight", 0, WIDTH),
            ),
            positions=0,
            patch_bias=False,
            post_norm=False,
            gated=True,
        ),
        Tower(
            "gemma4uv",
            96,
            8,
            _all(
                _linear("v.patch_embd", WIDTH, 3 * 24 * 24),
                _norm("v.patch_norm.1", 3 * 24 * 24),
                _norm("v.patch_norm.2", WIDTH),
                _norm("v.patch_norm.3", WIDTH),
                _matrix("v.position_embd.weight", 2, 400, WIDTH),
                _matrix("mm.input_projection.weight", 0, WIDTH),
            ),
            blocks=0,
            positions=0,
            post_norm=False,
            patch_embedding=False,
        ),
        Tower(
            "nemotron_v2_vl",
            56,
            14,
            _all(
                _POOLED,
                _matrix("v.class_embd", 3, WIDTH),
                _vector("mm.model.mlp.0.weight", 4 * WIDTH),
                _matrix("mm.model.mlp.1.weight", MIDDLE, 4 * WIDTH),
                _matrix("mm.model.mlp.3.weight", 0, MIDDLE),
            ),
            patch_bias=False,
            post_norm=False,
        ),
        Tower(
            "minicpmv4_6",
            112,
            14,
            _all(
                _window_merger,
                _norm("mm.input_norm", 4 * WIDTH),
                _linear("mm.up", MIDDLE, 4 * WIDTH),
                _linear("mm.down", 0, MIDDLE),
            ),
            positions=tower.MINICPM_POSITIONS,
        ),
        Tower(
            "step3vl",
            728,
            14,
            _all(
                _number("preproc_image_size", 1456),
                _matrix("mm.0.weight", MIDDLE, WIDTH, 3, 3),
                _matrix("mm.1.weight", MIDDLE, MIDDLE, 3, 3),
                _matrix("mm.model.fc.weight", 0, MIDDLE),
            ),
        ),
        Tower(
            "llama4",
            56,
            14,
            _all(
                _POOLED,
                _matrix("v.patch_embd.weight", WIDTH, 3 * 14 * 14),
                _matrix("mm.model.mlp.1.weight", MIDDLE, 4 * WIDTH),
                _matrix("mm.model.mlp.2.weight", MIDDLE, MIDDLE),
                _matrix("mm.model.fc.weight", 0, MIDDLE),
            ),
            class_embedding=True,
            patch_embedding=False,
        ),
        Tower(
            "youtuvl",
            112,
            14,
            _all(
                _number("window_size", 56),
                lambda weights, _: weights.file.add_array("clip.vision.wa_layer_indexes", [1]),
                _linear("v.patch_embd", WIDTH, 3 * 14 * 14),
                _vector("mm.input_norm.weight", WIDTH),
                _mlp(0, 2, 4 * WIDTH),
            ),
            positions=0,
            patch_embedding=False,
        ),
        Tower(
            "muse-glimmer",
            112,
            14,
            _all(
                _MERGED,
                _matrix("mm.0.weight", MIDDLE, 4 * WIDTH),
                _matrix("mm.1.weight", MIDDLE, MIDDLE),
                _matrix("mm.2.weight", 0, MIDDLE),
            ),
        ),
        Tower(
            "cogvlm",
            56,
            14,
            _all(
                _matrix("mm.model.fc.weight", MIDDLE, WIDTH),
                _norm("mm.post_fc_norm", MIDDLE),
                _matrix("mm.up.weight", MIDDLE, MIDDLE),
                _matrix("mm.gate.weight", MIDDLE, MIDDLE),
                _matrix("mm.down.weight", 0, MIDDLE),
                _vector("v.boi"),
                _vector("v.eoi"),
            ),
            class_embedding=True,
            fused=True,
        ),
    )
}
"""By `clip.projector_type`."""
