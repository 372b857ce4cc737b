"""Figures in the plain chat: what answers took, what the machine does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlmtui import printable, units
from vlmtui.messages import Role
from vlmtui.plain.sitting import Sitting
from vlmtui.stats import answer_stats, machine_rows

_QUESTION = 60

_FIRST_SECONDS = 5.0
"""The monitor needs a second for its first figures."""


class MachineCommands(Sitting):
    """What can be asked about speed and memory."""

    def command_stats(self, argument: str) -> None:
        """What the answers took, or all that is known of one message."""
        number, _ = self.numbered(argument)
        if number is not None:
            for label, value in answer_stats.rows(self.message(number)):
                self.voice.show(f"{label}: {printable.line(value, 400)}")
            return
        self.last(Role.ASSISTANT)
        answers = answer_stats.answers(self.session.transcript())
        if not answers:
            self.voice.note("No answer in this chat has figures yet")
            return
        for question, stored in answers:
            asked = printable.line(question, _QUESTION) or "a picture"
            self.voice.show(f"#{stored.id} {asked}: {summary(stored.stats or {})}")
        stats = [stored.stats or {} for _, stored in answers]
        sums, why = answer_stats.summary(stats)
        self.voice.note(f"In all: {sums.replace(' · ', ', ')}")
        if sentence := answer_stats.roofline(stats[-1]):
            self.voice.note(f"Last: {sentence}")
        if why:
            self.voice.note(why)

    def command_monitor(self, _: str) -> None:
        """Everything that the machine tells now."""
        self._first_measured.wait(_FIRST_SECONDS)
        with self._measuring:
            moment = self._pricing.timeline.last
        if moment is None:
            self.voice.note("This machine has told nothing yet; ask again")
            return
        for row in machine_rows.rows(moment):
            if row.value != "–":
                self.voice.show(f"{row.label}: {printable.line(row.value)}")
        for label, items in machine_rows.details(moment.snapshot):
            self.voice.show(f"{label}: {printable.line(', '.join(items))}")
        for note in moment.snapshot.notes:
            self.voice.note(note)


def summary(stats: Mapping[str, Any]) -> str:
    """What an answer took, in a sentence."""
    tokens = stats.get("generated_tokens") or 0
    parts = [
        f"{units.count(tokens)} token{'s' if tokens != 1 else ''}",
        f"{units.rate(stats.get('decode_tokens_per_s') or 0.0)} tokens/s",
        f"first after {units.seconds(stats.get('time_to_first_token_s') or 0.0)}",
        f"context {units.count(stats.get('context_used') or 0)} of "
        f"{units.count(stats.get('context_size') or 0)}",
    ]
    if peak := stats.get("peak_memory_bytes"):
        parts.append(f"memory {units.size(peak)}")
    if peak := stats.get("peak_gpu_bytes"):
        parts.append(f"GPU memory {units.size(peak)}")
    energy = stats.get("energy")
    if isinstance(energy, Mapping) and "net_j" in energy:
        parts.append(f"{energy['net_j']:.1f} J above idle")
    return ", ".join(parts)
