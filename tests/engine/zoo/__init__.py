"""Models with random weights, one for each architecture that people run, made in a moment.

Each is a pair of GGUF files in exactly the tensors, metadata and special tokens that llama.cpp and
libmtmd look for, so that the real code loads, cuts, encodes and decodes; they say nonsense, but
always the same. Nothing here knows the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gguf import GGUFWriter

from tests.engine.zoo import language, templates, tower
from tests.engine.zoo.language import Language
from tests.engine.zoo.projectors import PROJECTORS
from tests.engine.zoo.tokenizers import add_bpe, add_sentencepiece
from tests.engine.zoo.tower import Tower


@dataclass(frozen=True)
class Kind:
    """An architecture."""

    language: Language
    tower: Tower


@dataclass(frozen=True)
class Files:
    """A pair of files."""

    model: Path
    mmproj: Path


def build(name: str, folder: Path) -> Files:
    """Write the files of a kind, a key of `KINDS`."""
    kind = KINDS[name]
    files = Files(folder / f"{name}.gguf", folder / f"mmproj-{name}.gguf")
    language.write(files.model, name, kind.language)
    tower.write(files.mmproj, f"{name} tower", kind.tower, kind.language.width)
    return files


def build_projector(name: str, folder: Path) -> Files:
    """Write a tower of `PROJECTORS` and a language model that goes with it."""
    shape = PROJECTORS[name]
    # those that count positions in two dimensions are told apart by the language model
    flat = shape.frames == 1 and name != "hunyuanvl"
    kind = _FLAT if flat else KINDS["qwen2.5-vl"].language
    files = Files(folder / f"{name}.gguf", folder / f"mmproj-{name}.gguf")
    language.write(files.model, name, kind)
    tower.write(files.mmproj, f"{name} tower", shape, kind.width)
    return files


_CHATML = ("<|im_end|>", "<|im_start|>", "<|endoftext|>")
_QWEN_VL = (*_CHATML, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
_MINICPM_V = (*_CHATML, "<image>", "</image>", "<slice>", "</slice>")
_STEP_3 = ("<im_start>", "<im_end>", "<patch_start>", "<patch_end>", "<patch_newline>")
_INTERNVL = (*_CHATML, "<img>", "</img>")
_SMOLVLM = (
    "<end_of_utterance>",
    "<|im_start|>",
    "<fake_token_around_image>",
    "<global-img>",
    "<image>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)),
)
_LFM2_VL = (
    "<|im_end|>",
    "<|im_start|>",
    "<|startoftext|>",
    "<|image_start|>",
    "<|image_end|>",
    "<|img_thumbnail|>",
)
_GEMMA = (
    "<bos>",
    "<eos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
)


def _sections(file: GGUFWriter) -> None:
    file.add_rope_dimension_sections([2, 3, 3, 0])  # half a head: time, height, width, nothing


def _deepstack(file: GGUFWriter) -> None:
    _sections(file)
    file.add_key_length(16)
    file.add_value_length(16)
    file.add_num_deepstack_layers(1)


def _delta_nets(file: GGUFWriter) -> None:
    language.add_delta_net_sizes(file)
    _sections(file)
    file.add_key_length(16)
    file.add_value_length(16)
    file.add_full_attention_interval(2)


def _windows(file: GGUFWriter) -> None:
    file.add_key_length(16)
    file.add_value_length(16)
    file.add_sliding_window(32)
    file.add_sliding_window_pattern(2)


def _short_convolutions(file: GGUFWriter) -> None:
    file.add_shortconv_l_cache(3)


def _bpe(pre: str, special: tuple[str, ...], bos: str = "") -> partial[tuple[int, list[int]]]:
    return partial(add_bpe, pre=pre, special=special, bos=bos)


def _pieces(special: tuple[str, ...], *, space_first: bool) -> partial[tuple[int, list[int]]]:
    bos, eos = special[:2]
    return partial(add_sentencepiece, special=special, bos=bos, eos=eos, space_first=space_first)


KINDS = {
    "llava-1.6-mistral": Kind(
        Language("llama", _pieces(("<s>", "</s>"), space_first=True), None),
        Tower(
            "mlp", 56, 14, tower.llava_next, class_embedding=True, pre_norm=True, patch_bias=False
        ),
    ),
    "qwen2.5-vl": Kind(
        Language(
            "qwen2vl", _bpe("qwen2", _QWEN_VL), templates.QWEN_VL, biases=True, extra=_sections
        ),
        Tower(
            "qwen2.5vl_merger",
            112,
            14,
            tower.qwen25_vl,
            positions=0,
            patch_bias=False,
            frames=2,
            gated=True,
        ),
    ),
    "qwen3-vl": Kind(
        Language(
            "qwen3vl", _bpe("qwen2", _QWEN_VL), templates.QWEN_VL, head_norms=True, extra=_deepstack
        ),
        Tower("qwen3vl_merger", 112, 14, tower.qwen3_vl, frames=2, fused=True),
    ),
    "qwen3.5": Kind(
        Language(
            "qwen35",
            _bpe("qwen35", (*_QWEN_VL, "<think>", "</think>")),
            templates.QWEN35,
            layers=4,
            head_norms=True,
            delta_nets=(0, 2),
            extra=_delta_nets,
        ),
        Tower("qwen3vl_merger", 112, 14, tower.qwen35, frames=2, fused=True),
    ),
    "minicpm-v-2.6": Kind(
        Language(
            "qwen2",
            _bpe("qwen2", _MINICPM_V),
            templates.CHATML,
            width=128,  # a head of the resampler is that wide
            biases=True,
        ),
        Tower("resampler", 56, 14, tower.minicpm_v, positions=tower.MINICPM_POSITIONS),
    ),
    "gemma-3": Kind(
        Language(
            "gemma3",
            _pieces(_GEMMA, space_first=False),
            templates.GEMMA,
            layers=4,
            head_norms=True,
            post_norms=True,
            embeddings=1 / 8,
            extra=_windows,
        ),
        Tower("gemma3", 112, 7, tower.gemma3),
    ),
    "internvl3": Kind(
        Language("qwen2", _bpe("qwen2", _INTERNVL), templates.CHATML, biases=True),
        Tower("internvl", 56, 14, tower.internvl, class_embedding=True, post_norm=False),
    ),
    "smolvlm2": Kind(
        Language("llama", _bpe("smollm", _SMOLVLM, bos="<|im_start|>"), templates.SMOLVLM),
        Tower("idefics3", 56, 14, tower.idefics3),
    ),
    "lfm2-vl": Kind(
        Language(
            "lfm2",
            _bpe("lfm2", _LFM2_VL, bos="<|startoftext|>"),
            templates.LFM2,
            layers=3,
            head_norms=True,
            convolutions=(0, 2),
            extra=_short_convolutions,
        ),
        Tower("lfm2", 256, 16, tower.lfm2),
    ),
}
"""By name: architectures that differ in how they cut pictures, count positions and remember."""

_FLAT = replace(KINDS["minicpm-v-2.6"].language, add_tokens=_bpe("qwen2", (*_MINICPM_V, *_STEP_3)))
