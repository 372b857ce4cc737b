"""How often and how long one waits for a server."""

from __future__ import annotations

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often something is tried again, and after how long."""

    tries: int = 8
    """In a row without a byte coming; a download that goes on is never given up."""

    first_tries: int = 3
    """Before anything came at all: an address may simply be wrong."""

    base_s: float = 1.0
    """Before the second try; doubled before each further one."""

    most_s: float = 30.0
    most_asked_s: float = 900.0
    """The longest wait that a server may ask for."""

    timeout_s: float = 15.0
    """For the server to answer, and between two pieces of a file."""

    slow_s: float = 30.0
    """A connection that brings fewer than `least_bytes` in this time is as good as none."""

    least_bytes: int = 4000

    def before(self, attempt: int) -> float:
        """Seconds before a try; `attempt` counts from 1, the first that failed."""
        return float(min(self.most_s, self.base_s * 2 ** (attempt - 1)))
