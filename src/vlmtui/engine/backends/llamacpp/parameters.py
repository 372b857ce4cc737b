"""How llama.cpp and libmtmd are told to load: the same for a load and for its simulation.

If the two differed, a plan would predict the memory of another load than the one that follows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import cpp, mtmd
from vlmtui.engine.engine_events import Notice
from vlmtui.engine.engine_requests import DEFAULT_CTX, Load

_LEAST_CONTEXT = 256
"""Tokens; llama.cpp rounds up to a multiple of this, and a context of 1 made it abort."""

_SMALL_MODEL_BYTES = 64 * 1024 * 1024
"""Below this one thread is fastest: handing out the work of a matrix costs more than doing it. With
two threads on two busy cores the demo model ran at a fifth of its speed."""

_KV_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}  # ggml_type

_OUTPUTS = 1
"""Rows of logits kept at most: we sample from the last token only. llama.cpp's own default, one for
each token of a batch, takes 311 MB of GPU memory with Qwen's vocabulary."""


def for_weights(request: Load) -> Any:
    """`llama_model_params` of a load."""
    parameters = cpp.llama_model_default_params()
    offload = cpp.llama_supports_gpu_offload()
    parameters.n_gpu_layers = request.gpu_layers if offload else 0
    return parameters


def for_context(request: Load, model: Any, threads: int, whole_part: int = 0) -> Any:
    """`llama_context_params` of a load; so many tokens of `whole_part` must be read in one step."""
    trained = cpp.llama_model_n_ctx_train(model)
    parameters = cpp.llama_context_default_params()
    parameters.n_ctx = max(request.ctx or min(trained, DEFAULT_CTX), _LEAST_CONTEXT)
    parameters.n_batch = parameters.n_ubatch = max(request.batch, whole_part)
    parameters.n_outputs_max = _OUTPUTS
    # with only the sliding window kept, the cache could not go back to an earlier turn
    parameters.swa_full = True
    # quantised values are read by flash attention only, which llama.cpp then turns on itself
    parameters.type_k = parameters.type_v = _KV_TYPES[request.kv]
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.no_perf = True
    return parameters


def for_vision(request: Load, threads: int) -> Any:
    """`mtmd_context_params` of a load."""
    parameters = mtmd.mtmd_context_params_default()
    parameters.use_gpu = (
        bool(cpp.llama_supports_gpu_offload()) and request.gpu_layers != 0 and request.mmproj_gpu
    )
    parameters.print_timings = False
    parameters.n_threads = threads
    parameters.warmup = False  # it encodes a blank picture, which takes seconds on a CPU
    return parameters


def threads(request: Load) -> int:
    """CPU threads for a load whose files are there."""
    if request.threads:
        return min(request.threads, usable_cpus())
    files = (request.files.model, request.files.mmproj)
    size = sum(os.path.getsize(file) for file in files if file)
    return 1 if size < _SMALL_MODEL_BYTES else physical_cores()


def thread_notice(request: Load) -> Notice | None:
    """What to tell where more threads were asked for than can run at once."""
    most = usable_cpus()
    if request.threads <= most:
        return None
    return Notice(
        "threads",
        f"{request.threads} threads were asked for; this machine runs {most} at once, "
        "so it uses that many",
        "Without `threads` in the settings vlmtui chooses.",
    )


def usable_cpus() -> int:
    """CPUs that this process may use.

    With more threads than these, each waits for the others at every step: with 9,999 on two cores
    nothing came out any more.
    """
    return len(os.sched_getaffinity(0))


def physical_cores() -> int:
    """Cores that this process may use, two hyper-threads counted once.

    Decoding is bound by memory, and a second thread on a core makes it slower.
    """
    cores = set()
    for cpu in os.sched_getaffinity(0):
        try:
            siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
            cores.add(siblings.read_text().strip())
        except OSError:
            cores.add(str(cpu))
    return max(1, len(cores))
