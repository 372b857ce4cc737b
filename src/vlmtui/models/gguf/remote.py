"""A file on a server as a source, fetched in ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from vlmtui import net
from vlmtui.errors import FetchFailed
from vlmtui.net import addresses

_TIMEOUT_S = 20.0
_RANGE_S = 120.0
"""Longest time for a range."""

_HINTS = {
    401: "It asks for a login: set HF_TOKEN.",
    403: "It asks for permission: accept the model's terms on its page, and set HF_TOKEN.",
    404: "Check the address; for Hugging Face it has /resolve/ in it, not /blob/.",
    429: "Too many requests: wait a few minutes.",
}


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
        self.name = addresses.shown(url)
        self.size: int | None = None
        self.fetched = 0
        """Bytes received so far."""

        if not addresses.is_web(url):
            raise FetchFailed(
                f"{self.name} is not a web address", "Give one that begins with https:."
            )
        self._url = url
        self._secret = headers
        self._scope = net.CancelScope()
        self._open = ExitStack()
        self._pieces: Iterator[bytes] | None = None
        """What comes of a file that is sent from its beginning, as far as it wasn't asked for."""

        self._rest = bytearray()
        self._at = 0

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`.

        Raises:
            FetchFailed: With the server's or the network's reason.
        """
        try:
            if self._pieces is None:
                part = self._range(offset, size)
                if part is not None:
                    return part
            return self._forward(offset, size)
        except net.Refused as failure:
            later = "Try again later." if failure.status >= 500 else "Check the address."
            raise FetchFailed(
                f"{self.name} can't be fetched: {failure.reason}", _HINTS.get(failure.status, later)
            ) from None
        except net.Failed as failure:
            raise FetchFailed(failure.sentence(self.name), failure.hint) from None

    def close(self) -> None:
        self._open.close()
        self._pieces = None

    def _range(self, offset: int, size: int) -> bytes | None:
        """A part of the file; None when the server sends all of it, which `_pieces` then is."""
        with ExitStack() as opened:
            answer = opened.enter_context(
                net.request(
                    self._url,
                    scope=self._scope,
                    headers={"Range": f"bytes={offset}-{offset + size - 1}"},
                    secret=self._secret,
                    timeout_s=_TIMEOUT_S,
                )
            )
            if answer.status != 206:
                self.size = answer.length
                self._pieces, self._open = answer.pieces(), opened.pop_all()
                return None
            part = answer.part
            if part is None or part[0] != offset:
                raise FetchFailed(
                    f"{self.name}: the server sent another part of the file than it was asked for",
                    "Download the file and give its path.",
                )
            self.size = part[1]
            content = answer.whole(size, _RANGE_S)
        if addresses.origin(answer.url) != addresses.origin(self._url):
            self._secret = None
        self._url = answer.url  # the next range needs no redirect
        self.fetched += len(content)
        return content

    def _forward(self, offset: int, size: int) -> bytes:
        """A part of a file that comes from its beginning; what is before it is passed over."""
        assert self._pieces is not None
        rest = self._rest
        while True:
            passed = min(len(rest), offset - self._at)
            del rest[:passed]
            self._at += passed
            if len(rest) >= size:
                break
            piece = next(self._pieces, b"")
            if not piece:
                break
            self.fetched += len(piece)
            rest += piece
        content = bytes(rest[:size])
        del rest[:size]
        self._at += len(content)
        return content
