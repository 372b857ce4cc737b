"""Pictures from the web: fetched into a temporary file, within limits of size and time.

The caller has asked the user. What a server sends is trusted in nothing: not its length, its name,
its type, nor where it sends one on to; that it is a picture its bytes must show. urllib is imported
with the first fetch.
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import re
import socket
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vlmtui import __version__, printable
from vlmtui.chat import fetch_failures as failures
from vlmtui.engine import images
from vlmtui.errors import FetchFailed, ImageError, VlmtuiError

if TYPE_CHECKING:
    import http.client
    import urllib.request

MAX_BYTES = 20_000_000
"""Larger pictures are not fetched."""

SECONDS = 30.0
"""Longest time for all of it."""

STALL_SECONDS = 10.0
"""Longest wait for a connection, and for the next bytes."""

_REDIRECTS = 5
_CHUNK = 1 << 16

Progress = Callable[[int, "int | None"], None]
"""Called with the bytes that have come, and how many there will be where the server says so."""


class Cancelled(Exception):
    """The caller doesn't want it any more."""


@contextlib.contextmanager
def fetched(
    url: str,
    *,
    progress: Progress = lambda done, total: None,
    cancelled: threading.Event | None = None,
    seconds: float = SECONDS,
) -> Iterator[Path]:
    """A file with the picture at an address, called as it is there; gone with the context.

    Args:
        url: http or https.
        progress: Told how far it is, from another thread.
        cancelled: Ends it when set.
        seconds: Longest time for all of it.

    Raises:
        FetchFailed: It can't be had; why, in words.
        Cancelled: `cancelled` was set.
    """
    host_of(url)
    with _folder() as folder:
        file = Path(folder, name_of(url))
        _wait(url, file, progress, cancelled or threading.Event(), time.monotonic() + seconds)
        _check_picture(url, file)
        yield file


def _folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="vlmtui-fetch-", ignore_cleanup_errors=True)
    except OSError as error:
        raise failures.not_kept(error) from error


def _check_picture(url: str, file: Path) -> None:
    try:
        images.inspect(file)
    except ImageError as error:
        what = error.message.replace(str(file), printable.line(file.name))
        raise FetchFailed(
            f"{host_of(url)} sent no picture that can be used: {what}", "Check the address"
        ) from None


def host_of(url: str) -> str:
    """The host of an address that could be fetched, with its port if that is unusual.

    Raises:
        FetchFailed: It is none.
    """
    shown = printable.line(url, 80)
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise FetchFailed(f"{shown} is no valid address", "Check it") from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise FetchFailed(f"{shown} is not fetched", "Only http and https addresses are")
    if parts.username is not None:
        raise FetchFailed(
            f"The address of {host} has a password in it", "Take it out, or download the file"
        )
    if not url.isprintable() or " " in url:
        raise FetchFailed(f"{shown} is no valid address", "Spaces in it are written %20")
    return f"{host}:{port}" if port else host


def name_of(url: str) -> str:
    """What the file at an address is called."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path, errors="replace")
    name = "".join(sign if sign.isprintable() else "_" for sign in path.rstrip("/").split("/")[-1])
    name = name.encode(errors="replace").decode()[-60:]
    return name if name.strip(". ") else "picture"


def _wait(
    url: str, file: Path, progress: Progress, cancelled: threading.Event, deadline: float
) -> None:
    """Fetch in a thread that is left alone when it is too late.

    A name server or a server that trickles can't be interrupted from within.
    """
    ended: queue.Queue[VlmtuiError | None] = queue.Queue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            _fetch(url, file, progress, abandoned, deadline)
        except FetchFailed as error:
            ended.put(error)
        except Exception as error:  # urllib and what it stands on raise anything at odd servers
            ended.put(failures.explained(host_of(url), error))
        else:
            ended.put(None)

    threading.Thread(target=work, name="fetch", daemon=True).start()
    try:
        while True:
            if cancelled.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise failures.too_slow(host_of(url))
            with contextlib.suppress(queue.Empty):
                error = ended.get(timeout=0.05)
                if error is not None:
                    raise error
                return
    finally:
        abandoned.set()


def _fetch(
    url: str, file: Path, progress: Progress, abandoned: threading.Event, deadline: float
) -> None:
    host = host_of(url)
    with contextlib.closing(_open(url)) as response:
        total = _declared(response)
        kind = response.headers.get_content_type()
        if kind in ("text/html", "application/xhtml+xml"):
            raise FetchFailed(
                f"At that address {host} has a web page, not a picture",
                "In a browser, copy the address of the picture itself",
            )
        if total is not None and total > MAX_BYTES:
            raise failures.too_large(host, total, MAX_BYTES)
        with _created(file) as target:
            done = _copy(response, target, host, total, progress, abandoned, deadline)
        if total is not None and done < total:
            raise FetchFailed(
                f"{host} ended the connection after {done / 1e6:.1f} of {total / 1e6:.1f} MB",
                "Try again",
            )
        if not done:
            raise FetchFailed(f"{host} sent an empty file", "Check the address")


def _copy(
    response: http.client.HTTPResponse,
    target: BinaryIO,
    host: str,
    total: int | None,
    progress: Progress,
    abandoned: threading.Event,
    deadline: float,
) -> int:
    done = 0
    progress(0, total)
    while chunk := response.read1(_CHUNK):
        if abandoned.is_set() or time.monotonic() > deadline:
            raise TimeoutError
        done += len(chunk)
        if done > MAX_BYTES:
            raise failures.too_large(host, None, MAX_BYTES)
        _write(target, chunk)
        progress(done, total)
    return done


def _created(file: Path) -> BinaryIO:
    try:
        return file.open("wb")
    except OSError as error:
        raise failures.not_kept(error) from error


def _write(target: BinaryIO, chunk: bytes) -> None:
    try:
        target.write(chunk)
        target.flush()
    except OSError as error:
        raise failures.not_kept(error) from error


def _open(url: str) -> http.client.HTTPResponse:
    import urllib.request

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _redirects(is_private(url)),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(
        _ascii(url), headers={"User-Agent": f"vlmtui/{__version__}", "Accept": "image/*"}
    )
    response: http.client.HTTPResponse = opener.open(request, timeout=STALL_SECONDS)
    return response


def _redirects(private_allowed: bool) -> urllib.request.HTTPRedirectHandler:
    """Follows a few, and none from the web into the user's own network."""
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        max_redirections = _REDIRECTS
        max_repeats = 2

        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request | None:
            try:
                _check_redirect(req.full_url, newurl, private_allowed)
            except FetchFailed:
                fp.close()
                raise
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return Redirects()


def _check_redirect(old: str, new: str, private_allowed: bool) -> None:
    host = host_of(new)
    why = ""
    if not private_allowed and is_private(new):
        why = ", in your own network"
    elif old.lower().startswith("https:") and not new.lower().startswith("https:"):
        why = " without encryption"
    if why:
        raise FetchFailed(
            f"{host_of(old)} sends one on to {host}{why}",
            "If that is what you want, give that address",
        )


def is_private(url: str) -> bool:
    """Whether an address is on this machine or in its own network, by what its name means now."""
    try:
        found = socket.getaddrinfo(urllib.parse.urlsplit(url).hostname, None)
    except (OSError, UnicodeError, ValueError):
        return False  # opening it will tell
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return any(not address.is_global for address in addresses)


def _ascii(url: str) -> str:
    """An address as it travels: what isn't ASCII in its path is percent-encoded."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    path = urllib.parse.quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = urllib.parse.quote(parts.query, safe="=&%/?:@!$'()*+,;~-._")
    return urllib.parse.urlunsplit((parts.scheme, host, path, query, ""))


def _declared(response: http.client.HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if re.fullmatch(r"\d{1,15}", length) else None
