"""Why a picture couldn't be fetched from the web, in words.

What is imported here has been imported by the attempt already.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from vlmtui import printable
from vlmtui.errors import FetchFailed

if TYPE_CHECKING:
    from urllib.error import HTTPError


def too_large(host: str, size: int | None, most: int) -> FetchFailed:
    """There is too much of it.

    Args:
        host: Where it is.
        size: Bytes, where the server says how many.
        most: Bytes that are fetched.
    """
    what = f"is {size / 1e6:.0f} MB" if size is not None else "is larger"
    return FetchFailed(
        f"The picture on {host} {what}; at most {most / 1e6:.0f} MB are fetched",
        "Download it, and attach the file",
    )


def too_slow(host: str) -> FetchFailed:
    """It doesn't come in time."""
    return FetchFailed(f"{host} takes too long", "Try again, or download it and attach the file")


def not_kept(error: OSError) -> FetchFailed:
    """It came, but this machine has no place for it."""
    return FetchFailed(
        f"The picture can't be kept in a temporary file: {error.strerror or error}",
        "Free some space there, or set TMPDIR to another directory",
    )


def explained(host: str, error: Exception) -> FetchFailed:
    """What a failure between here and the server means."""
    import http.client
    import ssl
    import urllib.error

    if isinstance(error, urllib.error.HTTPError):
        return _refused(host, error)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return too_slow(host)
    if isinstance(reason, ssl.SSLCertVerificationError):
        why = printable.line(reason.verify_message, 100)
        return FetchFailed(
            f"The certificate of {host} can't be trusted: {why}", "Check the address"
        )
    if isinstance(reason, ssl.SSLError):
        return FetchFailed(f"No encrypted connection to {host} can be made", "Check the address")
    if isinstance(reason, socket.gaierror):
        return FetchFailed(
            f"There is no host {host}, or no network", "Check the address and the connection"
        )
    if isinstance(reason, ConnectionRefusedError):
        return FetchFailed(f"{host} takes no connection", "Check the address")
    if isinstance(reason, http.client.HTTPException):
        return FetchFailed(f"{host} doesn't speak HTTP as it should", "Try again later")
    if isinstance(reason, OSError):
        why = printable.line(os.strerror(reason.errno) if reason.errno else str(reason), 100)
        return FetchFailed(f"{host} can't be reached: {why}", "Check the connection")
    return FetchFailed(f"{host} can't be read: {printable.line(str(reason), 100)}", "Try again")


def _refused(host: str, error: HTTPError) -> FetchFailed:
    """The server says that it doesn't give it."""
    error.close()
    if "not allowed" in str(error.msg):
        return FetchFailed(f"{host} sends one on to what is not on the web", "Check the address")
    if "redirect" in str(error.msg).lower() or error.code in (301, 302, 303, 307, 308):
        return FetchFailed(f"{host} sends one on and on, to no picture", "Check the address")
    if error.code in (404, 410):
        return FetchFailed(f"{host} has nothing at that address ({error.code})", "Check it")
    if error.code in (401, 403):
        return FetchFailed(
            f"{host} doesn't give it to everyone ({error.code})",
            "Download it in a browser, and attach the file",
        )
    return FetchFailed(f"{host} answered with error {error.code}", "Try again later")
