"""Libraries that Pillow's and other wheels bring, for what those don't let one do."""

from __future__ import annotations

import ctypes
import importlib
import re
from contextlib import suppress
from pathlib import Path


def library(extension: str, name: str) -> ctypes.CDLL | None:
    """A library that an extension module loads; None where it can't be found.

    Args:
        extension: Module that is linked with it.
        name: As its file begins: "libwebp".
    """
    with suppress(ImportError, OSError):
        importlib.import_module(extension)
        mapped = Path("/proc/self/maps").read_text()
        found = re.search(rf"(/\S*/{name}(?:-[0-9a-f]+)?\.so\S*)$", mapped, re.MULTILINE)
        if found is not None:
            return ctypes.CDLL(found[1])
    return None
