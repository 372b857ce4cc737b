"""What `vlmtui models quantize` shows: how far it is, and in the end what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vlmtui import units
from vlmtui.models.quantize import Quantization, Result
from vlmtui.printable import line, prose


class Answer(msgspec.Struct, frozen=True):
    """What a model said to the question of `--check`."""

    which: str
    """before or after."""

    answer: str
    tokens: int
    tokens_per_second: float
    time_to_first_token: float
    """Seconds."""


class Outcome(msgspec.Struct, frozen=True):
    """What was made of a model, or would be."""

    job: Quantization
    result: Result
    dry_run: bool = False
    loads: bool | None = None
    """Whether the result could be loaded; None where nobody could try."""

    answers: Sequence[Answer] = ()


def as_json(outcome: Outcome) -> dict[str, Any]:
    """All of it as one object."""
    job, result = outcome.job, outcome.result
    return {
        "source": str(job.source),
        "target": str(job.target),
        "type": job.to,
        "source_bytes": result.source_bytes,
        "target_bytes": result.target_bytes,
        "fallback_tensors": result.fallbacks,
        "dry_run": outcome.dry_run,
        "loads": outcome.loads,
        "answers": msgspec.to_builtins(outcome.answers),
    }


def in_words(outcome: Outcome) -> str:
    """The same for a person."""
    job, result = outcome.job, outcome.result
    before, after = result.source_bytes, result.target_bytes
    about = "about " if outcome.dry_run else ""
    lines = [
        f"{line(job.target.name)}: {units.size(before)} → {about}{units.size(after)} "
        f"({after / max(1, before) * 100:.0f} %), {job.to}"
    ]
    if result.fallbacks:
        some = "1 tensor has" if result.fallbacks == 1 else f"{result.fallbacks} tensors have"
        lines.append(f"{some} rows that {job.to} can't hold: a larger type is used there.")
    if outcome.dry_run:
        return "\n".join([*lines, "Nothing was written."])
    if outcome.loads:
        lines.append("It loads.")
    elif job.is_mmproj:
        lines.append("Not loaded: name its language model with --with to try.")
    else:
        lines.append("Not loaded: there is not enough memory free to try.")
    for answer in outcome.answers:
        speed = units.rate(answer.tokens_per_second)
        lines.append(f"\n{answer.which}: {answer.tokens:,} tokens, {speed} tok/s")
        lines.append(prose(answer.answer.strip()))
    if len({answer.answer for answer in outcome.answers}) < len(outcome.answers):
        lines.append("\nBoth give the same answer.")
    return "\n".join(lines)
