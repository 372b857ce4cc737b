"""All looks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from vlmtui.doctor import board, downloads, engines, llama, memory, software, store, terminal
from vlmtui.doctor.finding import Finding
from vlmtui.doctor.redaction import without_secrets

LOOKS: tuple[Callable[[], Sequence[Finding]], ...] = (
    board.findings,
    software.findings,
    llama.findings,
    engines.findings,
    memory.findings,
    terminal.findings,
    store.findings,
    downloads.findings,
)


def examine() -> list[Finding]:
    """Take every look; takes a second or two, most of it to load llama.cpp in a process."""
    found: list[Finding] = []
    for look in LOOKS:
        try:
            found.extend(map(_without_secrets, look()))
        except Exception as error:  # what is broken is just what people ask a doctor about
            topic = look.__module__.rpartition(".")[2]
            found.append(
                Finding(
                    topic,
                    "look",
                    "fail",
                    f"this check failed: {type(error).__name__}: {error}",
                    "Please report it, with the bundle that `vlmtui doctor --bundle` writes",
                )
            )
    return found


def _without_secrets(finding: Finding) -> Finding:
    """A password may be a part of what was found: of an address, of a setting."""
    return msgspec.structs.replace(
        finding, value=without_secrets(finding.value), advice=without_secrets(finding.advice)
    )
