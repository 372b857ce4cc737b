"""What the end of an engine's process means, and what to do about it."""

from __future__ import annotations

import re
import signal

DOING = {
    "wait": "waiting for another vlmtui",
    "load": "loading the model",
    "plan": "planning a load",
    "encode": "encoding a picture",
    "prefill": "reading the prompt",
    "decode": "answering",
}
"""By phase, see `EngineCrashed`."""

REFUSED_MEMORY = re.compile(
    "out of memory|insufficient memory|(fail|unable|could not|cannot).{0,40}alloc|"
    "alloc.{0,40}fail|bad_alloc|thread creation failed",
    re.IGNORECASE,
)
"""What libraries write where memory can't be had; some of them abort then."""

_REFUSED_THREADS = re.compile(
    "start new thread|thread creation failed|Resource temporarily unavailable", re.IGNORECASE
)
"""What Python and OpenMP write where a process may start no more of them."""


def explain(status: int | None, phase: str, log: str = "") -> tuple[str, str]:
    """What the exit status of a dead process means, if known, and what to do.

    For the phases see `EngineCrashed`; `log` has the last lines that it wrote.
    """
    if status is None:
        return "its host was ended", "Was it killed, or did memory run out?"
    if status == -signal.SIGKILL:
        return (
            "killed by the system, probably because memory ran out",
            "Try a smaller context (--ctx 2048) or a smaller model.",
        )
    if memory_was_short(status, log):
        return "the system gave it no more memory", (
            "Allow vlmtui more (ulimit -v), or try a smaller context (--ctx 2048) or model."
        )
    if _REFUSED_THREADS.search(log):
        return "the system lets it start no more threads", (
            "Allow vlmtui more processes (ulimit -u), or end other programs."
        )
    if status == -signal.SIGABRT:
        return "llama.cpp gave up (abort)", (
            "The model file may not be supported by this version of llama.cpp."
            if phase in ("load", "plan")
            else "Try again; if it happens again, please report it with the log."
        )
    if status == -signal.SIGPROF:  # of `grammar`
        return "a single word of the answer's format took llama.cpp too long", (
            "Use a simpler grammar or schema, in which a text matches in one way only."
        )
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"ended by {name}", "Try again; if it happens again, please report it with the log."
    return f"exit status {status}", "Is llama-cpp-python installed correctly? The log says more."


def memory_was_short(status: int | None, log: str = "") -> bool:
    """Whether the process ended as the system ends one when memory runs out, or says so itself."""
    return status == -signal.SIGKILL or (
        status == -signal.SIGABRT and REFUSED_MEMORY.search(log) is not None
    )
