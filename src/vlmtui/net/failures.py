"""Why a request failed, in words that fit models and pictures alike."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Literal

from vlmtui import printable

Kind = Literal[
    "silent",  # nobody answers, or too slowly
    "nobody",  # no such host, or it refuses connections
    "cut",
    "unreachable",
    "untrusted",  # its certificate, or no encryption can be agreed on
    "nonsense",  # what it speaks is no HTTP, or no answer to what was asked
    "astray",  # it sends one on to where one shouldn't go
    "address",
    "proxy",
    "settings",  # a variable of the environment
    "refused",  # see `Refused`
]


class Failed(Exception):
    """A request that failed.

    Attributes:
        kind: What went wrong.
        reason: The same in a few words: "nobody answers".
        hint: What to do about it.
        again: Whether trying again may help.
    """

    def __init__(self, kind: Kind, reason: str, hint: str = "", *, again: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.hint = hint or "Check the address and the connection."
        self.again = again or kind in ("silent", "nobody", "cut", "unreachable")

    def sentence(self, what: str) -> str:
        """A sentence without a full stop, about `what` was asked for, without secrets."""
        match self.kind:
            case "proxy":
                return f"The proxy {self.reason}"
            case "settings":
                return self.reason
            case "astray" | "nonsense":
                return f"{what} {self.reason}"
            case "address":
                return f"{what} is not a web address"
            case _:
                return f"{what} can't be reached: {self.reason}"


class Refused(Failed):
    """The server says no.

    Attributes:
        status: Of HTTP, 400 or above, or one that was not asked for.
        headers: Of the answer.
        url: The address that was asked in the end.
    """

    def __init__(self, status: int, headers: Mapping[str, str], url: str) -> None:
        super().__init__("refused", f"the server answered {status}")
        self.status = status
        self.headers = headers
        self.url = url


def of(error: Exception) -> Failed:
    """What an error of httpx2 means, its proxy and address aside."""
    import httpx2

    for cause in _causes(error):
        if (found := _of_cause(cause)) is not None:
            return found
    if isinstance(error, httpx2.ConnectTimeout):
        return Failed("silent", "nobody answers")
    if isinstance(error, httpx2.TimeoutException):
        return Failed("silent", "it went silent, and takes too long")
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
        return Failed("address", "", "Give one that begins with https:.")
    if isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error):
        if "incomplete" in str(error) or "peer closed" in str(error):
            return Failed("cut", "the connection was cut")
        return Failed("nonsense", "doesn't speak HTTP as it should", "Try again later.")
    if isinstance(error, (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)):
        return Failed("cut", "the connection was cut")
    return Failed("unreachable", printable.line(str(error), 100) or type(error).__name__)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it stems from; httpcore2 has that in its errors' arguments."""
    while error is not None:
        yield error
        yield from (each for each in error.args if isinstance(each, BaseException))
        error = error.__cause__


def _of_cause(cause: BaseException) -> Failed | None:
    if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(cause):
        why = getattr(cause, "verify_message", "") or _between(str(cause))
        return Failed(
            "untrusted",
            f"the server's certificate is not trusted: {printable.line(why, 100)}",
            _way_to_trust(why),
        )
    if isinstance(cause, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError):
        return Failed("cut", "the connection was cut")
    if isinstance(cause, ssl.SSLError):
        return Failed("untrusted", "no encrypted connection can be made", "Check the address.")
    if isinstance(cause, socket.gaierror):
        return Failed("nobody", "there is no such host, or no network")
    if isinstance(cause, ConnectionRefusedError):
        return Failed("nobody", "it refuses connections")
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ConnectionError):
        return Failed("unreachable", os.strerror(cause.errno))
    return None


def _way_to_trust(why: str) -> str:
    """What to do about a certificate, by OpenSSL's words for what is wrong with it."""
    if "mismatch" in why:
        return "Give the server the name that its certificate is for."
    if "self-signed" in why or "issuer" in why:
        return (
            "If the server is yours, or a proxy that reads HTTPS is in between, set SSL_CERT_FILE "
            "to the file of its certificate."
        )
    return "Check the clock (`date`): a board without a battery may start with a date long past."


def _between(text: str) -> str:
    return text.partition("verify failed: ")[2].partition(" (")[0] or text
