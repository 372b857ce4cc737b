"""TensorRT's words, in the log of whichever process uses it."""

from __future__ import annotations

import sys
from typing import Any


def logger(trt: Any) -> Any:
    """A new `ILogger` of this module of TensorRT; warnings and errors go to stderr."""

    class Logger(trt.ILogger):  # type: ignore[misc]  # TensorRT is optional: its types aren't here
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.WARNING:
                print(f"TensorRT: {message}", file=sys.stderr, flush=True)

    return Logger()
