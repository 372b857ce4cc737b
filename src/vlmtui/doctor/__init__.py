"""`vlmtui doctor`: what this machine has, what is missing, and what to do about it.

Looks and changes nothing. Every look is a function that returns findings and never raises: a doctor
who falls ill at the first symptom is of no use.
"""

from __future__ import annotations

from vlmtui.doctor.bundle import bundled, write_bundle
from vlmtui.doctor.examination import examine
from vlmtui.doctor.report import as_json, as_text

__all__ = ["as_json", "as_text", "bundled", "examine", "write_bundle"]
