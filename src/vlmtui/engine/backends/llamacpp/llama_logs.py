"""llama.cpp's log: all of it to stderr, the last complaints kept for error messages."""

from __future__ import annotations

import re
import sys
from collections import deque

from vlmtui.engine.backends.llamacpp.bindings import cpp, mtmd
from vlmtui.engine.death import REFUSED_MEMORY

_DEBUG, _WARN, _ERROR, _CONTINUED = 1, 3, 4, 5  # ggml_log_level

_TELLING = re.compile("error|fail|unable|out of memory", re.IGNORECASE)

_complaints: deque[str] = deque(maxlen=8)


def _log(level: int, text: bytes, _user_data: object) -> None:
    if level == _DEBUG:
        return
    line = text.decode("utf-8", errors="replace")
    sys.stderr.write(line)
    sys.stderr.flush()
    if level in (_WARN, _ERROR) and line.strip():
        _complaints.append(line.strip())


_callback = cpp.llama_log_callback(_log)  # C keeps the pointer, so this object must live


def install() -> None:
    """Catch the logs of llama.cpp, ggml and libmtmd in this process."""
    cpp.llama_log_set(_callback, None)
    mtmd.mtmd_log_set(_callback, None)
    mtmd.mtmd_helper_log_set(_callback, None)


def clear() -> None:
    """Forget the complaints so far."""
    _complaints.clear()


def last_complaint() -> str:
    """The most telling line since `clear`, without the name of the C function; empty if none."""
    lines = [line for line in _complaints if _TELLING.search(line)] or list(_complaints)
    if not lines:
        return ""
    # the first error is the cause, those after it are its echo on the way up
    return lines[0].split(": ", 1)[-1]


def memory_was_short() -> bool:
    """Whether a line since `clear` says that memory could not be had."""
    return any(REFUSED_MEMORY.search(line) for line in _complaints)
