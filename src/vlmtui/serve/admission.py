"""Who may ask: the key, the name the server is called by, and pages of other sites.

Without a key a server hears this machine alone. A page in its browser is on this machine, too: so
requests that say they come from a page are refused unless its site was named, and so is a name that
is not this machine's, which a page may give to it (DNS rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec

from vlmtui.engine.engine_requests import Sampling
from vlmtui.serve.http_exchange import Exchange


class Refusal(msgspec.Struct, frozen=True):
    """Why a request isn't heard."""

    status: int
    message: str
    code: str


class Admission(msgspec.Struct, frozen=True):
    """The rules."""

    key: str = ""
    """What clients must send as a bearer token; empty for none."""

    origins: Collection[str] = ()
    """Sites whose pages may ask; "*" for all."""

    def refusal(self, exchange: Exchange) -> Refusal | None:
        """Why a request isn't heard; None where it is."""
        origin = exchange.header("origin")
        if origin and not self.allows(origin):
            return Refusal(
                403,
                "Pages of this site may not use this server (--allow-origin allows them).",
                "origin",
            )
        if not self.key:
            if not _is_this_machine(exchange.header("host")):
                return Refusal(
                    403,
                    "Without a key (--api-key-file) this server answers to localhost only.",
                    "host",
                )
            return None
        kind, _, given = exchange.header("authorization").partition(" ")
        given = given.strip() if kind.lower() == "bearer" else ""
        if hmac.compare_digest(given.encode(), self.key.encode()):
            return None
        return Refusal(401, "The API key is missing or wrong.", "invalid_api_key")

    def allows(self, origin: str) -> bool:
        """Whether pages of a site may ask."""
        return origin in self.origins or "*" in self.origins


class Rules(msgspec.Struct, frozen=True):
    """What the server does for whom, as its command line sets it."""

    admission: Admission
    defaults: Sampling
    """How tokens are chosen where a request doesn't say."""

    fetching: bool = False
    """Pictures may be fetched from the web."""

    waiting: int = 8
    """Requests that may wait for their turn."""

    seconds: float = 600.0
    """For a request to be answered, its waiting included."""


def is_loopback(host: str) -> bool:
    """Whether an address, or the name, is this machine's own and nobody else's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_this_machine(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
