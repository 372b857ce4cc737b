"""What the pinned llama.cpp loads: architectures of language models, projectors of vision towers.

Kept here because asking the library would load it into the interface's process. A test compares the
lists with the libraries.
"""

from __future__ import annotations

LLAMA_CPP = "0.3.36"
"""Version of llama-cpp-python that these lists are of."""

_NAMES = """
afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bert bitnet bloom
chameleon chatglm codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek deepseek2
deepseek2-ocr deepseek32 deepseek4 dflash dots1 dots3note dream eagle3 ernie4_5 ernie4_5-moe
eurobert exaone exaone-moe exaone4 falcon falcon-h1 gemma gemma-embedding gemma2 gemma3 gemma3n
gemma4 gemma4-assistant glm-dsa glm4 glm4moe glm5-next gpt-oss gpt2 gptj gptneox granite
granite_swa granitehybrid granitemoe graniteswitch grok grovemoe hrm_text hunyuan-dense
hunyuan-moe hunyuan_vl hy_v3 hy_v4 internlm2 jais jais2 jamba jina-bert-v2 jina-bert-v3 kimi-k3
kimi-linear laguna lfm2 lfm2moe llada llada-moe llama llama-embed llama4 maincoder mamba mamba2
maple mellum mimo2 minicpm minicpm3 minimax-01 minimax-m2 minimax-m3 mistral3 mistral4
modern-bert mpt muse-glimmer nanbeige nemotron nemotron_h nemotron_h_moe neo-bert nomic-bert
nomic-bert-moe olmo olmo2 olmoe openelm orion paddleocr pangu-embedded phi2 phi3 phimoe plamo
plamo2 plamo3 plm pockettts qwen qwen2 qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe
qwen3next qwen3tts qwen3vl qwen3vlmoe qwen4exp refact rnd1 rwkv6 rwkv6qwen2 rwkv7 seed_oss
smallthinker smollm3 spark2_5 stablelm starcoder starcoder2 step35 t5 t5encoder talkie
wavtokenizer-dec xverse
"""

SUPPORTED = frozenset(_NAMES.split())
"""Values of `general.architecture`."""

_PROJECTOR_NAMES = """
adapter cogvlm deepseek4v deepseekocr deepseekocr2 dots3note_v dots_ocr exaone4_5 gemma3 gemma3nv
gemma4uv gemma4v glm4v glm5v granite4_vision hunyuanvl idefics3 internvl janus_pro kimik25 kimivl
ldp ldpv2 lfm2 lightonocr ling3vl llama4 mimovl minicpmv4_6 minimax_m3 mlp muse-glimmer
nemotron_v2_vl paddleocr phi4 pixtral qwen2.5o qwen2.5vl_merger qwen2vl_merger qwen3vl_merger
resampler step3vl yasa2 youtuvl
"""

PROJECTORS = frozenset(_PROJECTOR_NAMES.split())
"""Values of `clip.projector_type` of towers that see."""
