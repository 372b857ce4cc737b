"""All looks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from vlmtui.doctor import board, downloads, engines, llama, memory, software, store, terminal
from vlmtui.doctor.finding import Finding
from vlmtui.doctor.redaction import without_secrets

LOOKS: tuple[tuple[str, Callable[[], Sequence[Finding]]], ...] = (
    ("machine", board.findings),
    ("software", software.findings),
    ("llama.cpp", llama.findings),
    ("engine", engines.findings),
    ("memory and disk", memory.findings),
    ("terminal", terminal.findings),
    ("files", store.findings),
    ("downloads", downloads.findings),
)
"""What is looked at, under its heading."""


def examine() -> list[Finding]:
    """Take every look; takes a second or two, most of it to load llama.cpp in a process."""
    found: list[Finding] = []
    for topic, look in LOOKS:
        try:
            found += [_finished(topic, finding) for finding in look()]
        except Exception as error:  # what is broken is just what people ask a doctor about
            value = f"this check failed: {type(error).__name__}: {error}"
            advice = "Please report it, with the bundle that `vlmtui doctor --bundle` writes"
            found.append(Finding("look", "fail", value, advice, topic))
    return found


def _finished(topic: str, finding: Finding) -> Finding:
    """Under its heading, without a password: one may be a part of an address, of a setting."""
    value, advice = without_secrets(finding.value), without_secrets(finding.advice)
    return msgspec.structs.replace(finding, value=value, advice=advice, topic=topic)
