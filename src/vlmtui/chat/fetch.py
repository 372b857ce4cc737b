"""Pictures from the web: fetched into a temporary file, within limits of size and time.

The caller has asked the user. What a server sends is trusted in nothing: not its length, its name,
its type; that it is a picture its bytes must show.
"""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

from vlmtui import net, printable
from vlmtui.engine import images
from vlmtui.errors import FetchFailed, ImageError
from vlmtui.net import addresses

MAX_BYTES = 20_000_000
"""Larger pictures are not fetched."""

SECONDS = 30.0
"""Longest time for all of it."""

STALL_SECONDS = 10.0
"""Longest wait for a connection, and for the next bytes."""

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
    public: bool = False,
) -> Iterator[Path]:
    """A file with the picture at an address, called as it is there; gone with the context.

    Args:
        url: http or https.
        progress: Told how far it is, from another thread.
        cancelled: Ends it when set.
        public: Only from the web, not from this machine's own network.

    Raises:
        FetchFailed: It can't be had; why, in words.
        Cancelled: `cancelled` was set.
    """
    host_of(url)
    with _folder() as folder:
        file = Path(folder, name_of(url))
        deadline = time.monotonic() + SECONDS
        _wait(url, file, progress, cancelled or threading.Event(), deadline, public)
        _check_picture(url, file)
        yield file


def _folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="vlmtui-fetch-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _not_kept(error) from error


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
        raise FetchFailed(f"{shown} is not a valid address", "Check it") from None
    if parts.scheme not in addresses.DEFAULT_PORTS or not host:
        raise FetchFailed(f"{shown} is not fetched", "Only http and https addresses are")
    if parts.username is not None:
        raise FetchFailed(
            f"The address of {host} has a password in it", "Remove it, or download the file"
        )
    if not url.isprintable() or " " in url:
        raise FetchFailed(f"{shown} is not a valid address", "Spaces in it are written %20")
    return f"{host}:{port}" if port else host


def name_of(url: str) -> str:
    """What the file at an address is called."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path, errors="replace")
    name = "".join(sign if sign.isprintable() else "_" for sign in path.rstrip("/").split("/")[-1])
    name = name.encode(errors="replace").decode()[-60:]
    return name if name.strip(". ") else "picture"


def _wait(
    url: str,
    file: Path,
    progress: Progress,
    cancelled: threading.Event,
    deadline: float,
    public: bool,
) -> None:
    """Fetch in a thread that is left alone when it is too late: a name server can't be hung up."""
    ended: queue.Queue[Exception | None] = queue.Queue()
    scope = net.CancelScope()

    def work() -> None:
        try:
            _fetch(url, file, progress, scope, public)
        except Exception as error:  # raised again below, where it is waited for
            ended.put(error)
        else:
            ended.put(None)

    threading.Thread(target=work, name="fetch", daemon=True).start()
    try:
        while True:
            if cancelled.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise _failed(url, net.Failed("silent", "it takes too long"))
            with contextlib.suppress(queue.Empty):
                error = ended.get(timeout=0.05)
                if isinstance(error, net.Failed):
                    raise _failed(url, error) from error
                if error is not None:
                    raise error
                return
    finally:
        scope.stop()


def _fetch(url: str, file: Path, progress: Progress, scope: net.CancelScope, public: bool) -> None:
    host = host_of(url)
    accept = {"Accept": "image/*"}
    with net.request(
        url, scope=scope, headers=accept, timeout_s=STALL_SECONDS, public=public
    ) as answer:
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise FetchFailed(
                f"At that address {host} has a web page, not a picture",
                "In a browser, copy the address of the picture itself",
            )
        if answer.length is not None and answer.length > MAX_BYTES:
            raise _too_large(host, f"is {answer.length / 1e6:.0f} MB")
        _copy(answer, file, host, progress)


def _copy(answer: net.Answer, file: Path, host: str, progress: Progress) -> None:
    done, total = 0, answer.length
    progress(0, total)
    try:
        with file.open("wb", buffering=0) as target:
            for piece in answer.pieces():
                done += len(piece)
                if done > MAX_BYTES:
                    raise _too_large(host, "is larger")
                target.write(piece)
                progress(done, total)
    except OSError as error:
        raise _not_kept(error) from error
    if not done:
        raise FetchFailed(f"{host} sent an empty file", "Check the address")


def _failed(url: str, failure: net.Failed) -> FetchFailed:
    host = host_of(url)
    if not isinstance(failure, net.Refused):
        return FetchFailed(failure.sentence(host), failure.hint)
    if failure.status in (404, 410):
        return FetchFailed(f"{host} has nothing at that address ({failure.status})", "Check it")
    if failure.status in (401, 403):
        return FetchFailed(
            f"{host} needs a login or permission for it ({failure.status})",
            "Download it in a browser, and attach the file",
        )
    return FetchFailed(f"{host} answered with error {failure.status}", "Try again later")


def _too_large(host: str, what: str) -> FetchFailed:
    return FetchFailed(
        f"The picture on {host} {what}; at most {MAX_BYTES / 1e6:.0f} MB are fetched",
        "Download it, and attach the file",
    )


def _not_kept(error: OSError) -> FetchFailed:
    """It came, but this machine has no place for it."""
    return FetchFailed(
        f"The picture can't be kept in a temporary file: {error.strerror or error}",
        "Free some space there, or set TMPDIR to another directory",
    )
