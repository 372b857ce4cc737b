"""`vlmtui bench`: how fast models are on this machine, and what they cost.

Asks through the same engine as the chat, so that its measurements are the chat's. Stores nothing.
"""

from __future__ import annotations

from vlmtui.benchmark.machine import describe_machine
from vlmtui.benchmark.measure import LENGTHS, measure
from vlmtui.benchmark.result import Report, load_report

__all__ = ["LENGTHS", "Report", "describe_machine", "load_report", "measure"]
