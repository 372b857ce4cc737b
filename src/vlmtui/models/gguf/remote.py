"""A file on a server as a source: fetched in ranges, with secrets kept to their own server.

Imported only when something is fetched: urllib alone takes longer than reading a header.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

from vlmtui import __version__
from vlmtui.errors import FetchFailed

_TIMEOUT_S = 20.0
_RANGE = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20}|\*)")


class HttpSource:
    """A file on a server, fetched in ranges.

    A server that knows no ranges sends the file from its beginning; as much of it is read as was
    asked for.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """Prepare; fetches nothing.

        Args:
            url: An http or https address.
            headers: Sent with each request, to this server only: redirected elsewhere, they (and
                the token in them) stay behind.

        Raises:
            FetchFailed: It is no such address.
        """
        self.name = _without_secrets(url)
        self.size: int | None = None
        self.fetched = 0
        """Bytes received so far."""

        self._url = url
        self._origin = urlsplit(url)[:2]
        if self._origin[0] not in ("http", "https") or not self._origin[1]:
            raise FetchFailed(f"{self.name} is no web address", "Give one that begins with https:.")
        self._headers = dict(headers or {})
        self._opener = urllib.request.build_opener(_Redirects(self._origin))
        self._stream: HTTPResponse | None = None
        self._stream_at = 0

    def __enter__(self) -> HttpSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`.

        Raises:
            FetchFailed: With the server's or the network's reason.
        """
        try:
            if self._stream is None:
                part = self._range(offset, size)
                if part is not None:
                    return part
            return self._forward(offset, size)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(self.name, error.code) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise FetchFailed(
                f"{self.name} can't be reached: {reason}",
                "Check the address and the connection (HTTPS_PROXY, where there is a proxy).",
            ) from None

    def close(self) -> None:
        """Hang up."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _range(self, offset: int, size: int) -> bytes | None:
        """A part of the file; None when the server sends all of it, which `_stream` then is."""
        headers = {
            "User-Agent": f"vlmtui/{__version__}",
            "Accept-Encoding": "identity",  # ranges count the file's own bytes
            "Range": f"bytes={offset}-{offset + size - 1}",
        }
        if urlsplit(self._url)[:2] == self._origin:
            headers.update(self._headers)
        request = urllib.request.Request(self._url, headers=headers)
        response: HTTPResponse = self._opener.open(request, timeout=_TIMEOUT_S)
        if response.status != 206:
            length = response.headers.get("Content-Length", "")
            self.size = int(length) if length.isascii() and length.isdigit() else None
            self._stream, self._stream_at = response, 0
            return None
        with response:
            self._url = response.geturl()  # the next range needs no redirect
            told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if told is None or int(told[1]) != offset:
                raise FetchFailed(
                    f"{self.name}: the server sent another part of the file than it was asked for",
                    "Download the file and give its path.",
                )
            self.size = int(told[3]) if told[3] != "*" else None
            content = response.read(size)
        self.fetched += len(content)
        return content

    def _forward(self, offset: int, size: int) -> bytes:
        assert self._stream is not None
        while self._stream_at < offset:
            skipped = len(self._stream.read(min(offset - self._stream_at, 1 << 20)))
            if not skipped:
                return b""
            self._stream_at += skipped
            self.fetched += skipped
        content = self._stream.read(size)
        self._stream_at += len(content)
        self.fetched += len(content)
        return content


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other servers without the headers that were meant for the first."""

    def __init__(self, origin: tuple[str, str]) -> None:
        self._origin = origin

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows a redirect."""
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and urlsplit(newurl)[:2] != self._origin:
            for name in list(following.headers):
                if name.lower() not in ("range", "user-agent", "accept-encoding"):
                    following.remove_header(name)
        return following


def _without_secrets(url: str) -> str:
    """The address without password and query, where signatures and tokens stand."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _refused(name: str, status: int) -> FetchFailed:
    hints = {
        401: "It asks for a login: set HF_TOKEN.",
        403: "It asks for permission: accept the model's terms on its page, and set HF_TOKEN.",
        404: "Check the address; for Hugging Face it has /resolve/ in it, not /blob/.",
        429: "Too many requests: wait a few minutes.",
    }
    hint = hints.get(status, "Try again later." if status >= 500 else "Check the address.")
    return FetchFailed(f"{name} can't be fetched: the server answered {status}", hint)
