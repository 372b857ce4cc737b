"""What was found, as a value."""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["ok", "info", "warn", "fail"]
"""ok: as it should be; info: neither good nor bad; warn: it works, but worse than it could; fail:
something can't work."""


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    name: str
    status: Status
    value: str
    """What there is, without a judgement."""

    advice: str = ""
    """What to do; empty where nothing need be done."""

    topic: str = ""
    """The heading it stands under."""
