"""How llama-cpp-python was built, asked in a process of its own: loading CUDA may fail or hang."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from shlex import quote

import msgspec

from vlmtui.doctor.finding import Finding
from vlmtui.doctor.software import cuda_compiler, nvcc, nvcc_version
from vlmtui.hardware import tegra
from vlmtui.hardware.sysroot import Sysroot, bytes_in

TIMEOUT_S = 60.0
"""The first start of CUDA on a slow board takes seconds."""

# The current directory must not be searched: a file there may be named like a library.
_QUESTION = """
import sys
sys.path[:] = [p for p in sys.path if p]
import json
import llama_cpp
from llama_cpp import llama_cpp as low
told = {
    "version": llama_cpp.__version__,
    "gpu": bool(low.llama_supports_gpu_offload()),
    "system": low.llama_print_system_info().decode(errors="replace"),
}
try:
    from llama_cpp import mtmd_cpp
    told["vision"] = mtmd_cpp.mtmd_default_marker().decode()
except Exception as error:
    told["vision_error"] = str(error)
sys.__stdout__.write("\\n" + json.dumps(told) + "\\n")
"""

_OLDEST_CUDA = 11
"""Before it nvcc knew no C++17, which llama.cpp is written in: JetPack 4 has 10.2."""

_XAVIER = 72
"""CUDA's name of the first boards that a newer one than 10.2 exists for."""

_BYTES_A_JOB = 2 * 1024**3
"""What a job of CUDA's compiler takes at most; with one for each core a small board would swap."""


class _Build(msgspec.Struct):
    """What llama.cpp tells about itself."""

    version: str
    gpu: bool
    system: str
    vision: str = ""
    vision_error: str = ""


def findings() -> list[Finding]:
    """Whether it loads, whether it sees pictures, whether it uses the GPU that is there."""
    build = _ask()
    if isinstance(build, str):
        return [Finding("llama-cpp-python", "fail", build, f"Reinstall it: {reinstall()}")]
    return [
        Finding("llama-cpp-python", "ok", build.version),
        _vision(build),
        _gpu(build, Sysroot()),
        Finding("processor", "ok", _features(build.system)),
    ]


def reinstall(architecture: int | str | None = None) -> str:
    """The command that builds llama-cpp-python again, in the version that is here.

    Args:
        architecture: What CUDA compiles for; None for the processor alone.
    """
    root = Sysroot()
    settings = []
    if architecture is not None:
        settings += [
            f'CMAKE_ARGS="-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES={architecture}"',
            f"CUDACXX={nvcc(root) or '/usr/local/cuda/bin/nvcc'}",
            f"CMAKE_BUILD_PARALLEL_LEVEL={_jobs(root)}",
        ]
    if find_spec("pip") is not None:
        pip = f"{quote(sys.executable)} -m pip install --force-reinstall --no-cache-dir"
    else:  # as in an environment that uv made
        pip = f"uv pip install --python {quote(sys.executable)} --reinstall --no-cache"
    options = "--no-deps --no-binary llama-cpp-python"
    return " ".join([*settings, pip, options, f'"llama-cpp-python{_wanted_version()}"'])


def cuda_architecture(root: Sysroot) -> int | str | None:
    """What CUDA must compile for on this machine; "native" where the compiler can find out itself.

    None without an NVIDIA GPU.
    """
    architecture = tegra.cuda_architecture(root)
    if architecture == 110 and (_cuda_major(root) or 13) < 13:
        return 101  # what it was called before CUDA 13
    if architecture is not None:
        return architecture
    if tegra.is_jetson(root) or root.text("/proc/driver/nvidia/version"):
        return "native"
    return None


def _cuda_major(root: Sysroot) -> int | None:
    version = nvcc_version(root)
    return int(version.split(".")[0]) if version else None


def _jobs(root: Sysroot) -> int:
    memory = bytes_in(root.text("/proc/meminfo"), "MemTotal")
    cores = os.cpu_count() or 1
    return max(1, min(cores, memory // _BYTES_A_JOB)) if memory else cores


def _wanted_version() -> str:
    """The version that is here, as pip is asked for it; else those that vlmtui takes."""
    with suppress(metadata.PackageNotFoundError):
        return f"=={metadata.version('llama-cpp-python')}"
    with suppress(metadata.PackageNotFoundError):
        for requirement in metadata.requires("vlmtui") or []:
            if requirement.startswith("llama-cpp-python"):
                return requirement.removeprefix("llama-cpp-python").strip()
    return ""


def _ask() -> _Build | str:
    """What the library tells, or a sentence that says why it can't."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _QUESTION],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
    except subprocess.TimeoutExpired:
        return f"it didn't load within {TIMEOUT_S:.0f} seconds"
    except OSError as error:
        return f"it can't be asked: {error.strerror}"
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        try:
            return msgspec.json.decode(lines[-1], type=_Build)
        except msgspec.DecodeError:
            pass
    complaint = done.stderr.strip().splitlines()
    return f"it doesn't load: {complaint[-1] if complaint else f'exit status {done.returncode}'}"


def _vision(build: _Build) -> Finding:
    if build.vision:
        return Finding("libmtmd (vision)", "ok", "present")
    advice = f"It was built with LLAVA_BUILD=OFF. Reinstall it: {reinstall()}"
    return Finding("libmtmd (vision)", "fail", f"missing: {build.vision_error}", advice)


def _gpu(build: _Build, root: Sysroot) -> Finding:
    wanted = cuda_architecture(root)
    # the system information names what CUDA code was compiled for: "CUDA : ARCHS = 870 | ..."
    archs = re.search(r"ARCHS\s*=\s*([0-9,]+)", build.system)
    if build.gpu:
        built = [int(number) // 10 for number in archs[1].split(",") if number] if archs else []
        value = "used" + (f", built for {', '.join(map(str, built))}" if built else "")
        if built and isinstance(wanted, int) and wanted not in built:
            advice = f"Build it for this GPU: {reinstall(wanted)}"
            return Finding("GPU", "warn", f"{value}, but this GPU is {wanted}", advice)
        return Finding("GPU", "ok", value)
    if wanted is None:
        return Finding("GPU", "info", "none: models run on the processor")
    major = _cuda_major(root)
    ends_before = isinstance(wanted, int) and wanted < _XAVIER
    if ends_before or (major is not None and major < _OLDEST_CUDA):
        value = f"not used: llama.cpp needs CUDA {_OLDEST_CUDA}, here it ends at {major or 10}"
        return Finding("GPU", "info", value, "Models run on the processor")
    command = f"Build it with CUDA: {reinstall(wanted)}"
    if nvcc(root) is None:
        command = f"First {cuda_compiler(root)}. Then build it with CUDA: {reinstall(wanted)}"
    value = "not used: llama-cpp-python was built without CUDA"
    return Finding("GPU", "warn", value, command)


def _features(system: str) -> str:
    """The instructions that are used, from "CPU : AVX2 = 1 | FMA = 1 | ..."."""
    names = re.findall(r"(\w+) = 1\b", system)
    return ", ".join(names) or "unknown"
