"""The network: the one HTTP client, and what it holds to on every way out.

Models, headers of models and pictures are all asked for with `request`. It follows redirects as far
as they may lead, uses the proxies and certificates of the user's environment, gives a token to its
own server alone, and can be ended at any time by the `CancelScope` it is given. Nothing that a
server says is trusted: no answer is without a bound of size (`Answer.whole`) or time. Whatever goes
wrong is a `Failed` or, where the server says no, a `Refused`; both know in words why.

httpx2 is imported with the first request.
"""

from vlmtui.net.cancel_scope import CancelScope, Stopped
from vlmtui.net.client import Answer, Method, parse_size, request
from vlmtui.net.failures import Failed, Refused

__all__ = [
    "Answer",
    "CancelScope",
    "Failed",
    "Method",
    "Refused",
    "Stopped",
    "parse_size",
    "request",
]
