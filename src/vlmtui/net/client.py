"""Requests over HTTP: sent, followed where they are sent on to, read within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from vlmtui import __version__, printable
from vlmtui.net import addresses, failures, proxies
from vlmtui.net.cancel_scope import CancelScope
from vlmtui.net.failures import Failed, Refused

if TYPE_CHECKING:
    import httpx2

_REDIRECTS = 8
_TIMEOUTS = 4
"""Timeouts of a read that all of the head of an answer may take."""

_RANGE = re.compile(r"bytes (\d{1,20})-\d{1,20}/(\d{1,20}|\*)")
_OF_PROXIES = (403, 502, 503, 504)
"""Statuses that a proxy answers with as well."""

Method = Literal["GET", "HEAD", "POST", "DELETE"]


class Answer:
    """What a server answers, its head read.

    Attributes:
        status: Of HTTP.
        headers: Their names in any case.
        url: Where it comes from in the end.
    """

    def __init__(
        self,
        response: httpx2.Response,
        scope: CancelScope,
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = str(response.url)
        self._response = response
        self._scope = scope
        self._translated = translated

    @property
    def length(self) -> int | None:
        return parse_size(self.headers.get("Content-Length", ""))

    @property
    def part(self) -> tuple[int, int | None] | None:
        """Where the part of a file that is to come begins, and the bytes of all of it, if known."""
        found = _RANGE.fullmatch(self.headers.get("Content-Range", ""))
        return None if found is None else (int(found[1]), parse_size(found[2]))

    def pieces(self) -> Iterator[bytes]:
        """The content as it comes. Each wait is bounded, all of them together are not.

        Raises:
            Failed: It ends before it should, or stops coming.
            Stopped: So it was wanted.
        """
        if (packed := self.headers.get("Content-Encoding", "identity").lower()) != "identity":
            # nobody asked for it, and a few bytes may unpack to a full disk
            raise Failed(
                "nonsense", f"sends it compressed ({packed[:20]}), which was not asked for"
            )
        with self._translated():
            for piece in self._response.iter_raw():
                self._scope.check()
                yield piece
        # who hung up doesn't take what came for all of it
        self._scope.check()
        if self._scope.late:
            raise Failed("silent", "it takes too long")

    def whole(self, most: int, seconds: float) -> bytes:
        """All of a small content, of so many bytes at most and within some seconds.

        Raises:
            Failed: It has more, takes longer, or ends before it should.
            Stopped: So it was wanted.
        """
        content = bytearray()
        with self._scope.within(seconds):
            for piece in self.pieces():
                content += piece
                if len(content) > most:
                    raise Failed("nonsense", f"sends more than the {most:,} bytes that it may")
        return bytes(content)


def parse_size(text: str) -> int | None:
    """Bytes, as a server writes a number of them; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


@contextmanager
def request(
    url: str,
    *,
    scope: CancelScope,
    method: Method = "GET",
    headers: Mapping[str, str] | None = None,
    secret: Mapping[str, str] | None = None,
    content: bytes | None = None,
    timeout_s: float = 15.0,
    silence_s: float | None = None,
    leave: bool = True,
    public: bool = False,
    accepted: Container[int] = (200, 206),
) -> Iterator[Answer]:
    """Ask for something; the answer's content can be read within the context.

    Args:
        url: http or https.
        scope: Ends it when it is stopped.
        method: Of HTTP.
        headers: Sent to every server on the way.
        secret: Sent to the first server only.
        content: Sent with it; then no redirect is followed.
        timeout_s: For the connection, and between two pieces of the answer.
        silence_s: Between two pieces of the answer, where that may be longer.
        leave: Follow redirects to other servers; else such a redirect is the answer.
        public: Ask nobody in this machine's own network: the address is not its user's.
        accepted: Statuses that are no refusal.

    Raises:
        Refused: Any other status came.
        Failed: There is no answer, or a redirect leads to where one shouldn't go.
        Stopped: So it was wanted.
    """
    call = _Call(url, scope, timeout_s, silence_s or timeout_s, content, public)
    sent = {"User-Agent": f"vlmtui/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
    with (
        call.translated(),
        call.client() as client,
        closing(call.follow(client, method, sent, secret or {}, leave=leave)) as response,
    ):
        status = response.status_code
        if status == 407:
            raise proxies.blamed(call.scheme, "refused: it needs a login (407)")
        if status not in accepted and not (response.has_redirect_location and not leave):
            raise call.refusal(response)
        yield Answer(response, scope, call.translated)


class _Call:
    """A request on its way through redirects."""

    def __init__(
        self,
        url: str,
        scope: CancelScope,
        timeout_s: float,
        silence_s: float,
        content: bytes | None,
        public: bool,
    ) -> None:
        self._first = self._url = url
        self._scope = scope
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._content = content
        self._public = public
        self._target = ("", 0)
        self._through_proxy = self._connected = False

    @property
    def scheme(self) -> str:
        return self._url.partition(":")[0]

    def client(self) -> httpx2.Client:
        """A client for this request alone: nothing is shared with other threads or kept open."""
        import httpx2

        proxies.check()
        timeout = httpx2.Timeout(self._timeout_s, read=self._silence_s)
        return httpx2.Client(verify=proxies.certificates(), timeout=timeout)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Tell errors of the client in our words."""
        import httpx2

        self._scope.check()
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._scope.check()
            raise self._failure(error) from error
        finally:
            self._scope.hold(None)

    def follow(
        self,
        client: httpx2.Client,
        method: str,
        headers: Mapping[str, str],
        secret: Mapping[str, str],
        *,
        leave: bool,
    ) -> httpx2.Response:
        """The answer at the end of all redirects, its content not read."""
        if not addresses.is_web(self._url):
            raise Failed("address", "", "Give one that begins with https:.")
        for _ in range(_REDIRECTS + 1):
            here = addresses.origin(self._url)
            own = secret if here == addresses.origin(self._first) else {}
            response = self._send(client, method, {**headers, **own})
            following = response.next_request
            if following is None or self._content is not None:
                return response
            target = str(following.url)
            if not leave and addresses.is_web(target) and addresses.origin(target) != here:
                return response
            response.close()
            if why := addresses.astray(self._first, self._url, target):
                raise _astray(why)
            self._url = target
        raise Failed("astray", "redirects without end", "Check the address.")

    def _send(
        self, client: httpx2.Client, method: str, headers: Mapping[str, str]
    ) -> httpx2.Response:
        try:
            travelling = addresses.travelling(self._url)
            asked = client.build_request(
                method,
                travelling,
                content=self._content,
                headers=headers,
                extensions={"trace": self._trace},
            )
            self._target = addresses.origin(str(asked.url))[1:]
            self._connected = False
            with self._scope.within(_TIMEOUTS * self._silence_s):
                return client.send(asked, stream=True)
        except ValueError as error:  # a host that can't be one, a header that isn't ASCII
            raise Failed("address", str(error), "Check the address.") from error

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear from httpcore2 whom it connects with, to hang up at any time."""
        if event.endswith("connect_tcp.started"):
            self._through_proxy = (info["host"], info["port"]) != self._target
            if self._public and self._through_proxy and addresses.is_private(self._url):
                raise _private(self._target[0])
        elif event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._connected = True
            self._scope.hold(info["return_value"])
            if not self._through_proxy and (self._public or self._url != self._first):
                self._check_peer(info["return_value"])

    def _check_peer(self, stream: Any) -> None:
        """See where a redirect has led: a name may mean something else than a moment ago."""
        try:
            peer = str(stream.get_extra_info("server_addr")[0])
        except OSError as error:  # hung up already, by us or by the server
            import httpx2

            stream.close()  # httpcore2 doesn't have it yet
            raise httpx2.ConnectError(str(error)) from error
        if not addresses.is_global(peer) and self._public:
            stream.close()
            raise _private(peer)
        if not addresses.is_global(peer) and not addresses.is_private(self._first):
            stream.close()
            raise _astray(f"to {peer}, in your own network")

    def refusal(self, response: httpx2.Response) -> Failed:
        status, headers = response.status_code, response.headers
        open_to_proxy = self._through_proxy and self.scheme == "http"
        if open_to_proxy and status in _OF_PROXIES and "X-Error-Code" not in headers:
            reason = f"or the server behind it refused ({status})"
            return proxies.blamed(self.scheme, reason, again=status != 403)
        secret = response.request.headers.get("Authorization", "").rpartition(" ")[2]
        if secret:  # the server may quote it, and its words are shown
            for name in [name for name, value in headers.items() if secret in value]:
                headers[name] = headers[name].replace(secret, "***")
        return Refused(status, headers, str(response.url))

    def _failure(self, error: Exception) -> Failed:
        import httpx2

        if self._scope.late:
            return Failed("silent", "it takes too long")
        if isinstance(error, httpx2.ProxyError):
            return proxies.blamed(self.scheme, f"refused: {printable.line(str(error), 100)}")
        found = failures.of(error)
        if self._through_proxy and not self._connected:
            return proxies.blamed(self.scheme, f"can't be reached: {found.reason}", again=True)
        return found


def _private(peer: str) -> Failed:
    """The failure for an address of others that leads into the own network."""
    reason = (
        f"leads to {peer}, in this machine's own network, from which nothing is fetched for others"
    )
    return Failed("astray", reason, "Send the content itself.")


def _astray(where: str) -> Failed:
    hint = "If that is what you want, give that address."
    return Failed("astray", f"sends one on {where}", hint)
