"""Python and what is installed in it, CUDA, TensorRT, and programs that vlmtui can use."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from vlmtui import __version__
from vlmtui.doctor.finding import Finding
from vlmtui.hardware import tegra
from vlmtui.hardware.sysroot import Sysroot

_LIBRARIES = ("textual", "pillow", "huggingface_hub", "msgspec")
_EXTRAS = {"onnxruntime": "ONNX vision towers", "safetensors": "importing checkpoints"}


def findings() -> list[Finding]:
    """Versions, and what can be added."""
    root = Sysroot()
    libraries = ", ".join(f"{name} {_version(name) or 'missing'}" for name in _LIBRARIES)
    found = [
        Finding("vlmtui", "ok", f"{__version__} in {Path(__file__).parents[1]}"),
        Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}"),
        Finding("libraries", "ok", libraries),
        _cuda(root),
        _tensorrt(root),
    ]
    for name, use in _EXTRAS.items():
        version = _version(name)
        value = version or f"not installed; only for {use}"
        found.append(Finding(name, "ok" if version else "info", value))
    ffmpeg = shutil.which("ffmpeg")
    value = ffmpeg or "not installed; only for videos"
    found.append(Finding("ffmpeg", "ok" if ffmpeg else "info", value))
    return found


def nvcc(root: Sysroot) -> str | None:
    """Path of CUDA's compiler on the machine; None without one."""
    for path in ("/usr/local/cuda/bin/nvcc", "/usr/bin/nvcc"):
        if os.access(root.path(path), os.X_OK):
            return path
    return shutil.which("nvcc") if root.real else None


def nvcc_version(root: Sysroot) -> str | None:
    """Version of CUDA's compiler, "12.6"; None without one."""
    path = nvcc(root)
    if path is None:
        return None
    try:
        told = subprocess.run(
            [str(root.path(path)), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    release = re.search(r"release ([0-9]+\.[0-9]+)", told)
    return release[1] if release else None


def cuda_compiler(root: Sysroot) -> str:
    """How to get CUDA's compiler here."""
    if tegra.is_jetson(root):
        return "`sudo apt install nvidia-jetpack`, which brings CUDA's compiler"
    return "install CUDA's compiler: https://developer.nvidia.com/cuda-downloads"


def _cuda(root: Sysroot) -> Finding:
    compiler = nvcc_version(root)
    about = root.text("/proc/driver/nvidia/version") or ""
    driver = re.search(r"Module\s+(?:for \S+\s+)?([0-9.]+)", about)
    parts = [f"compiler {compiler}"] if compiler else []
    parts += [f"driver {driver[1]}"] if driver else []
    if compiler or not (driver or tegra.is_jetson(root)):
        value = ", ".join(parts) or "none: models run on the processor"
        return Finding("CUDA", "ok" if parts else "info", value)
    value = ", ".join([*parts, "no compiler"])
    advice = f"Only for building llama.cpp: {cuda_compiler(root)}"
    return Finding("CUDA", "info", value, advice)


def _tensorrt(root: Sysroot) -> Finding:
    version = _version("tensorrt")
    if version:
        return Finding("TensorRT", "ok", version)
    for pattern in ("/usr/lib/*-linux-gnu/libnvinfer.so.*.*", "/usr/local/lib/libnvinfer.so.*.*"):
        if libraries := root.glob(pattern):
            version = libraries[-1].name.removeprefix("libnvinfer.so.")
            advice = (
                "Only for TensorRT vision towers: make the environment with --system-site-packages"
            )
            return Finding("TensorRT", "info", f"{version}, but not visible to this Python", advice)
    return Finding("TensorRT", "info", "not installed; only for TensorRT vision towers")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
