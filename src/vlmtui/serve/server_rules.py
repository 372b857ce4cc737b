"""The rules of one server, as its command line sets them."""

from __future__ import annotations

import msgspec

from vlmtui.engine.engine_requests import Sampling
from vlmtui.serve.admission import Admission


class Rules(msgspec.Struct, frozen=True):
    """What the server does for whom."""

    admission: Admission
    defaults: Sampling
    """How tokens are chosen where a request doesn't say."""

    fetching: bool = False
    """Pictures may be fetched from the web."""

    waiting: int = 8
    """Requests that may wait for their turn."""

    seconds: float = 600.0
    """For a request to be answered, its waiting included."""
