"""The findings as text for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from vlmtui import printable
from vlmtui.doctor.finding import Finding

_SIGNS = {"ok": "✓", "info": "·", "warn": "!", "fail": "✗"}
_COLOURS = {"ok": "32", "info": "2", "warn": "33", "fail": "31"}


def as_text(findings: Sequence[Finding], *, colour: bool = False) -> str:
    """A line for each finding under the heading of its topic; what to do, below it.

    The signs tell the same as ANSI colours, where these may be used.
    """
    lines: list[str] = []
    width = max((len(finding.name) for finding in findings), default=0)
    for topic, group in groupby(findings, key=lambda finding: finding.topic):
        lines += ["", topic]
        for finding in group:
            sign = _SIGNS[finding.status]
            if colour:
                sign = f"\x1b[{_COLOURS[finding.status]}m{sign}\x1b[0m"
            lines.append(f"  {sign} {finding.name:<{width}}  {printable.line(finding.value)}")
            if finding.advice:
                lines.append(f"    {'':<{width}}  {printable.line(finding.advice)}")
    lines += ["", _summary(findings)]
    return "\n".join(lines).lstrip("\n")


def as_json(findings: Sequence[Finding]) -> str:
    """An object with the overall status and the list of findings."""
    plain = [
        msgspec.structs.replace(each, value=_utf8(each.value), advice=_utf8(each.advice))
        for each in findings
    ]
    encoded = msgspec.json.encode({"status": worst(findings), "findings": plain})
    return msgspec.json.format(encoded, indent=2).decode()


def _utf8(text: str) -> str:
    """A text whose bytes that are no UTF-8, of names and variables, are question marks."""
    return text.encode(errors="replace").decode()


def worst(findings: Sequence[Finding]) -> str:
    """The worst there is: `fail`, `warn` or `ok`."""
    statuses = {finding.status for finding in findings}
    return next((status for status in ("fail", "warn") if status in statuses), "ok")


def _summary(findings: Sequence[Finding]) -> str:
    fails = sum(finding.status == "fail" for finding in findings)
    warnings = sum(finding.status == "warn" for finding in findings)
    if not fails and not warnings:
        return "Everything is fine."
    parts = []
    if fails:
        parts.append(f"{fails} {'thing' if fails == 1 else 'things'} can't work")
    if warnings:
        parts.append(f"{warnings} could be better")
    return " and ".join(parts) + "."
