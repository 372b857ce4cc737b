"""What an answer took, and what is known of a message, as labels and values. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from vlmtui import units
from vlmtui.messages import Role
from vlmtui.stats.image_costs import costs
from vlmtui.storage.records import StoredMessage


def rows(stored: StoredMessage, thread: Sequence[StoredMessage]) -> list[tuple[str, str]]:
    """What there is to tell, each with its label; what nobody measured is left out.

    The chat's thread gives names to pictures.
    """
    text = stored.message.text
    told = [
        ("written", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stored.created))),
        ("model", stored.model or ""),
        ("length", f"{units.count(len(text))} characters, {units.count(len(text.split()))} words"),
        ("version", f"{stored.sibling} of {stored.siblings}" if stored.siblings > 1 else ""),
        ("state", "" if stored.status == "complete" else stored.status),
        ("error", stored.error or ""),
        *_statistics(stored.stats or {}),
        *_pictures(stored, thread),
        ("message", f"#{stored.id}" + (f", after #{stored.parent_id}" if stored.parent_id else "")),
    ]
    return [(label, value) for label, value in told if value]


def _statistics(stats: Mapping[str, Any]) -> list[tuple[str, str]]:
    def number(name: str) -> float:
        return stats.get(name) or 0

    def tokens(name: str) -> str:
        return f"{units.count(int(number(name)))} tokens" if number(name) else ""

    def seconds(name: str) -> str:
        return units.seconds(number(name)) if number(name) else ""

    def rate(name: str) -> str:
        return f", {units.rate(number(name))} tok/s" if number(name) else ""

    memory = number("peak_memory_bytes")
    used, size = int(number("context_used")), int(number("context_size"))
    again = int(number("continued"))
    return [
        ("finish reason", str(stats.get("finish_reason", ""))),
        ("generated", tokens("generated_tokens")),
        ("thought", thought(stats)),
        ("decoding", seconds("decode_s") + rate("decode_tokens_per_s")),
        ("first token", seconds("time_to_first_token_s")),
        ("of that, network", seconds("network_s")),
        ("prompt", tokens("prompt_tokens")),
        ("reused", tokens("reused_tokens")),
        ("picture tokens", tokens("image_tokens")),
        ("encoding", seconds("encode_s")),
        ("prefill", seconds("prefill_s") + rate("prefill_tokens_per_s")),
        ("context", f"{units.count(used)} of {units.count(size)}" if size else ""),
        ("continued", f"{again} time{'s' if again != 1 else ''}" if again else ""),
        ("memory", units.size(int(memory)) if memory else ""),
        ("energy", _energy(stats)),
        ("limit", roofline(stats)),
    ]


def thought(stats: Mapping[str, Any]) -> str:
    """How long was thought before an answer: "12.0 s, 340 tokens"; empty where nothing was."""
    tokens = int(stats.get("thought_tokens") or 0)
    if not tokens:
        return ""
    seconds = units.seconds(stats.get("thought_s") or 0.0)
    return f"{seconds}, {units.count(tokens)} token{'s' if tokens != 1 else ''}"


def _energy(stats: Mapping[str, Any]) -> str:
    if (energy := stats.get("energy")) is None:
        return ""
    parts = [f"{energy['net_j']:.1f} J above idle"]
    if (each := stats.get("joules_per_token")) is not None:
        parts.append(f"{each:.2f} J a token")
    return ", ".join(parts)


def _pictures(stored: StoredMessage, thread: Sequence[StoredMessage]) -> list[tuple[str, str]]:
    """Those in the message; for an answer, what those in the prompt cost."""
    told = [
        ("picture", f"{image.name}, {image.width}×{image.height}, {image.sha256[:12]}")
        for image in stored.message.images
    ]
    names = {image.sha256: image.name for each in thread for image in each.message.images}
    for sha256, cost in costs(stored.stats).items():
        if words := cost.words():
            told.append(("picture", f"{names.get(sha256, sha256[:12])}, {', '.join(words)}"))
    return told


def roofline(stats: Mapping[str, Any]) -> str:
    """How near an answer came to what memory bandwidth allows, in a sentence; empty if unknown."""
    rate, share = stats.get("decode_tokens_per_s"), stats.get("bandwidth_share")
    if not rate or not share:
        return ""
    return (
        f"{units.rate(rate)} tok/s = {units.percent(share)} of this machine's memory-bandwidth "
        "limit for this model"
    )


def answers(thread: Sequence[StoredMessage]) -> list[tuple[str, StoredMessage]]:
    """The answers of a chat that have statistics, each with the text of its question."""
    found: list[tuple[str, StoredMessage]] = []
    question = ""
    for stored in thread:
        if stored.message.role is Role.USER:
            question = stored.message.text
        elif stored.stats:
            found.append((question, stored))
    return found


def summary(answers: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """What several answers (at least one) took in all, on a line, and what is to be added."""
    tokens = sum(stats.get("generated_tokens") or 0 for stats in answers)
    seconds = sum(stats.get("decode_s") or 0.0 for stats in answers)
    parts = [
        f"{len(answers):,} answer{'s' if len(answers) != 1 else ''}",
        f"{units.count(tokens)} tokens",
    ]
    if seconds:
        parts.append(f"{units.seconds(seconds)} decoding")
    joules = [stats["energy"]["net_j"] for stats in answers if stats.get("energy")]
    if joules:
        return " · ".join([*parts, f"{sum(joules):.0f} J above idle"]), ""
    return " · ".join(
        parts
    ), "No energy: this machine has no power sensor, or the answers took less than a second."


def sentence(stats: Mapping[str, Any]) -> str:
    """What an answer took, in a sentence."""
    tokens = stats.get("generated_tokens") or 0
    parts = [
        f"{units.count(tokens)} token{'s' if tokens != 1 else ''}",
        f"{units.rate(stats.get('decode_tokens_per_s') or 0.0)} tok/s",
        f"first token after {units.seconds(stats.get('time_to_first_token_s') or 0.0)}",
    ]
    if took := thought(stats):
        parts.append(f"thought for {took}")
    if size := stats.get("context_size"):  # not every server tells
        used = units.count(stats.get("context_used") or 0)
        parts.append(f"context {used} of {units.count(size)}")
    if peak := stats.get("peak_memory_bytes"):
        parts.append(f"memory {units.size(peak)}")
    if peak := stats.get("peak_gpu_bytes"):
        parts.append(f"GPU memory {units.size(peak)}")
    if (energy := stats.get("energy")) is not None:
        parts.append(f"{energy['net_j']:.1f} J above idle")
    return ", ".join(parts)
