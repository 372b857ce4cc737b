"""The low-level bindings of llama-cpp-python, without the package around them.

`import llama_cpp` brings its high-level API and with it numpy: 0.34 s and 41 MB here, against 0.07
s and 18 MB for the two modules of plain ctypes that we use. So the package's `__init__` is not run.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from typing import Any

_PACKAGE = "llama_cpp"


def _import_submodules(*names: str) -> list[Any]:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or _PACKAGE in sys.modules:
        return [importlib.import_module(f"{_PACKAGE}.{name}") for name in names]
    # a package that is only a place to find submodules in
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return [importlib.import_module(f"{_PACKAGE}.{name}") for name in names]
    finally:
        del sys.modules[_PACKAGE]  # whoever wants the whole package later gets it


def library(name: str) -> Any:
    """One of llama.cpp's own libraries that llama-cpp-python has no bindings for: "ggml-base"."""
    folder = os.path.dirname(cpp._lib._name)
    return ctypes.CDLL(os.path.join(folder, f"lib{name}.so"))


cpp, mtmd = _import_submodules("llama_cpp", "mtmd_cpp")
