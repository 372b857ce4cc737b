"""The process that quantises: llama.cpp's own `llama_model_quantize`, told of line by line.

Started by `models.quantize`; writes JSON objects to what was its stdout, one a
line, and llama.cpp's log to stderr. Killing it at any moment is the way to cancel it. It dies with
the process that started it.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys

import msgspec

from vlmtui import offspring
from vlmtui.offspring import Telling

_DEBUG = 1  # ggml_log_level

_TENSOR = re.compile(r"\[\s*\d+/\s*\d+\]\s+(\S+)")
_SIZE = re.compile(r"quant size\s+=\s+([\d.]+) MiB")
_FALLBACK = re.compile(r"(\d+) of \d+ tensor\(s\) required fallback")
_FAILED = re.compile(r"failed to quantize: (.*)")
_MIB = 1024 * 1024

_ROWS_IN_MEMORY = 256 * _MIB
"""llama.cpp would take up to 8 GiB, which is all of a small board."""


class Job(msgspec.Struct, frozen=True):
    """What to do."""

    file_type: int
    """A `llama_ftype`."""

    threads: int = 0
    """0 takes all cores."""

    requantise: bool = False
    dry_run: bool = False


def main(parent: int, job: str, source: str, target: str) -> None:
    """Do a job, a `Job` as JSON, for a process that must be alive.

    The paths of what is read and written aren't in the job, as a path may be no text.
    """
    _quantise(msgspec.json.decode(job, type=Job), source, target, offspring.begin(parent))


def _quantise(job: Job, source: str, target: str, telling: Telling) -> None:
    from vlmtui.engine.backends.llamacpp.bindings import cpp

    listener = _Listener(telling)
    callback = cpp.llama_log_callback(listener.hear)  # C keeps the pointer
    cpp.llama_log_set(callback, None)
    given = cpp.llama_model_quantize_default_params()
    given.ftype = job.file_type
    given.nthread = job.threads
    given.allow_requantize = job.requantise
    given.dry_run = job.dry_run
    given.max_buf_size = _ROWS_IN_MEMORY
    failed = cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(given))
    listener.finish(source if failed else "")


class _Listener:
    """Reads what happens from llama.cpp's log."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._size = 0
        self._fallbacks = 0
        self._error = ""

    def hear(self, level: int, text: bytes, _user_data: object) -> None:
        if level == _DEBUG:
            return
        words = text.decode("utf-8", errors="replace")
        sys.stderr.write(words)
        if tensor := _TENSOR.match(words):
            self._telling.tell(doing=tensor[1])
        elif size := _SIZE.search(words):
            self._size = round(float(size[1]) * _MIB)
        elif fallback := _FALLBACK.search(words):
            self._fallbacks = int(fallback[1])
        elif failed := _FAILED.search(words):
            self._error = failed[1].strip()

    def finish(self, refused: str) -> None:
        sys.stderr.flush()
        if refused:
            why = self._error or "llama.cpp gave no reason"
            words = f"llama.cpp can't quantise {refused}: {why}"
            self._telling.tell(error="QuantizeFailed", message=words)
        else:
            self._telling.tell(made={"size": self._size, "fallbacks": self._fallbacks})
