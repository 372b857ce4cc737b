"""Requests to servers that do what servers shouldn't, through proxies that aren't there."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx2
import pytest

from tests.net.socks import socks_proxy
from tests.web import WebServer, redirects, refuses, sends
from vlmtui import net
from vlmtui.net import addresses, failures

PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    for name in [*PROXIES, *(name.upper() for name in PROXIES)]:
        monkeypatch.delenv(name, raising=False)
    server = WebServer()
    yield server
    server.close()


def whole(url: str, scope: net.CancelScope | None = None, most: int = 1000, **how: float) -> bytes:
    seconds = how.pop("seconds", 20.0)
    with net.request(url, scope=scope or net.CancelScope(), **how) as answer:
        return answer.whole(most, seconds)


def failure(url: str, **how: float) -> net.Failed:
    with pytest.raises(net.Failed) as caught:
        whole(url, **how)
    return caught.value


# --------------------------------------------------------------------------------------- redirects


def test_a_redirect_is_followed_and_the_secret_stays_behind(server: WebServer) -> None:
    seen: list[str | None] = []
    elsewhere = WebServer()

    def note(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        sends(b"here")(request)

    elsewhere.answers["/b"] = note
    server.answers["/b"] = note
    server.answers["/a"] = redirects("/b")
    server.answers["/c"] = redirects(elsewhere.url("/b"))
    try:
        for path in ("/a", "/c"):
            secret = {"Authorization": "Bearer x"}
            with net.request(server.url(path), scope=net.CancelScope(), secret=secret) as answer:
                assert answer.whole(10, 10) == b"here"
    finally:
        elsewhere.close()
    assert seen == ["Bearer x", None]


def test_the_web_does_not_lead_into_the_own_network(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "is_private", lambda url: "localhost" in url)
    server.answers["/it"] = redirects(f"http://localhost:{server.port}/secret")
    assert "to localhost, in your own network" in failure(server.url("/it")).sentence("x")
    assert server.asked == ["/it"]


def test_a_name_that_means_the_own_network_when_it_is_opened_is_not_asked(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "is_private", lambda url: False)
    server.answers["/it"] = redirects(f"http://localhost:{server.port}/secret")
    assert "in your own network" in failure(server.url("/it")).sentence("x")
    assert server.asked == ["/it"]


def test_the_own_network_may_lead_into_itself_and_out(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/it"] = redirects(f"http://localhost:{server.port}/there")
    server.answers["/there"] = sends(b"x")
    assert whole(server.url("/it")) == b"x"
    monkeypatch.setattr(addresses, "is_private", lambda url: "127.0.0.1" in url)
    assert whole(server.url("/it")) == b"x"


@pytest.mark.parametrize("by_us", [True, False])
def test_a_stop_as_a_redirect_arrives_leaves_nothing_open(server: WebServer, by_us: bool) -> None:
    held: list[socket.socket] = []

    class HungUp(net.CancelScope):
        def hold(self, stream: object) -> None:
            super().hold(stream)
            if stream is not None:
                held.append(stream.get_extra_info("socket"))
                if len(held) == 2:
                    self.stop() if by_us else held[1].shutdown(socket.SHUT_RDWR)
                    with suppress(OSError):  # until the server has hung up, too
                        while held[1].getpeername():
                            time.sleep(0.01)

    server.answers["/it"] = redirects(f"http://localhost:{server.port}/there")
    server.answers["/there"] = sends(b"x")
    with pytest.raises(net.Stopped if by_us else net.Failed):
        whole(server.url("/it"), HungUp())
    assert [each.fileno() for each in held] == [-1, -1]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("https://a.example/x", "http://b.example/x", "to b.example without encryption"),
        ("https://a.example/x", "https://b.example/x", ""),
        ("http://a.example/x", "http://b.example/x", ""),
        ("http://a.example/x", "file:///etc/passwd", "to what is not on the web"),
        ("http://a.example/x", "ftp://a.example/x", "to what is not on the web"),
    ],
)
def test_some_redirects_are_not_followed(old: str, new: str, told: str) -> None:
    assert addresses.astray(old, old, new) == told


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1/", True),
        ("http://[::1]:80/", True),
        ("http://192.168.1.2/", True),
        ("http://169.254.169.254/", True),
        ("http://93.184.216.34/", False),
    ],
)
def test_addresses_of_the_own_network_are_known(url: str, private: bool) -> None:
    assert addresses.is_private(url) is private


def test_redirects_without_end_are_given_up(server: WebServer) -> None:
    server.answers["/it"] = redirects("/it")
    assert "without end" in failure(server.url("/it")).sentence("x")
    assert len(server.asked) < 12


def test_a_redirect_to_nonsense_is_told(server: WebServer) -> None:
    server.answers["/it"] = redirects("http://[")
    assert failure(server.url("/it")).kind in ("nonsense", "nobody")


# ------------------------------------------------------------------------------------------ bounds


def trickle(server: WebServer, begin: bytes, piece: bytes = b"x") -> None:
    """Answer /it with a beginning, and then with a few bytes again and again."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        try:
            request.wfile.write(begin)
            while not server.released.wait(0.03):
                request.wfile.write(piece)
        except OSError:
            request.close_connection = True

    server.answers["/it"] = answer


def test_an_answer_without_end_is_cut_off_at_its_bound(server: WebServer) -> None:
    trickle(server, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5000)
    assert "more than the 20,000 bytes" in failure(server.url("/it"), most=20_000).sentence("it")


def test_a_content_that_trickles_has_a_deadline(server: WebServer) -> None:
    trickle(server, b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
    assert failure(server.url("/it"), most=10**6, seconds=0.3).reason == "it takes too long"


def test_a_content_without_length_that_is_too_late_is_not_taken_for_whole(
    server: WebServer,
) -> None:
    trickle(server, b"HTTP/1.1 200 OK\r\n\r\n")
    assert failure(server.url("/it"), most=10**6, seconds=0.3).reason == "it takes too long"


def test_a_head_that_trickles_has_a_deadline(server: WebServer) -> None:
    trickle(server, b"HTTP/1.1 200 OK\r\nX-Odd: ")
    assert failure(server.url("/it"), timeout_s=0.2).reason == "it takes too long"


def test_a_packed_answer_is_not_unpacked(server: WebServer) -> None:
    bomb = gzip.compress(bytes(10_000_000))

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", str(len(bomb)))
        request.end_headers()
        request.wfile.write(bomb)

    server.answers["/it"] = answer
    assert "compressed (gzip)" in failure(server.url("/it"), most=10**9).sentence("it")


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_a_stop_ends_it_at_once(server: WebServer, begin: bytes) -> None:
    """While nothing of an answer has come, and in the middle of one."""
    asked = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(begin)
        request.wfile.flush()
        asked.set()
        server.released.wait(60)

    server.answers["/it"] = answer
    scope = net.CancelScope()

    def stop() -> None:
        asked.wait(30)
        time.sleep(0.2)
        scope.stop()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(net.Stopped):
        whole(server.url("/it"), scope, timeout_s=60)
    with pytest.raises(net.Stopped):
        whole(server.url("/it"), scope)


# ----------------------------------------------------------------------------- proxies, environment


def test_a_socks_proxy_is_used(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/it"] = sends(b"x")
    with socks_proxy() as (port, reached):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        assert whole(server.url("/it")) == b"x"
    assert reached == [server.port]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_not_there_is_blamed(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:secret@127.0.0.1:{port}")
    found = failure("http://server.example/it")
    assert found.sentence("x") == "The proxy can't be reached: it refuses connections"
    assert "Check ALL_PROXY" in found.hint
    assert "secret" not in f"{found.sentence('x')} {found.hint}"


def test_a_proxy_that_wants_no_such_connection_is_blamed(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url(""))
    found = failure("https://server.example/it")
    assert found.sentence("x").startswith("The proxy refused: 501")
    assert "Check HTTPS_PROXY" in found.hint


@pytest.mark.parametrize("status", [403, 503])
def test_what_a_proxy_may_have_answered_itself_is_told_so(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    server.answers["http://server.example/it"] = refuses(status)
    monkeypatch.setenv("HTTP_PROXY", server.url(""))
    found = failure("http://server.example/it")
    assert found.sentence("x") == f"The proxy or the server behind it refused ({status})"
    assert "Check HTTP_PROXY" in found.hint


def test_a_server_that_is_not_there_is_not_blamed_on_a_proxy_it_needs_not(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url = server.url("/it")
    server.close()
    assert failure(url).kind == "nobody"


@pytest.mark.parametrize("value", ["socks4://h:1", "http://", "http://h:port", "gopher://h", "h:0"])
def test_a_variable_that_names_no_proxy_is_named(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("https_proxy", value)
    found = failure(server.url("/it"))
    assert found.sentence("x") == "https_proxy is not a proxy address"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", "No such file or directory"),
        ("fifo", "it is not a regular file"),
        ("text", "there are none in it"),
    ],
)
@pytest.mark.timeout(60)
def test_a_variable_that_names_no_certificates_is_named(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, why: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "text").write_text("none")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
    told = failure(server.url("/it")).sentence("x")
    assert told == f"SSL_CERT_FILE has no certificates that can be read: {why}"


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://", "http://[x", "http://a:99999/", "nothing", "http://a..b/"],
)
def test_what_is_no_address_is_told(server: WebServer, url: str) -> None:
    assert failure(url).kind in ("address", "nobody")


@pytest.mark.parametrize("cause", [ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "EOF")])
def test_a_connection_that_is_cut_while_it_is_made_is_told_in_words(cause: OSError) -> None:
    error = httpx2.ConnectError(str(cause))
    error.__cause__ = cause
    assert failures.of(error).sentence("x") == "x can't be reached: the connection was cut"


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("self-signed certificate", "set SSL_CERT_FILE"),
        ("unable to get local issuer certificate", "set SSL_CERT_FILE"),
        ("Hostname mismatch, certificate is not valid for 'board'.", "the name that"),
        ("certificate is not yet valid", "the clock"),
    ],
)
def test_a_certificate_that_isnt_trusted_is_told_with_what_helps(why: str, hint: str) -> None:
    error = ssl.SSLCertVerificationError(1, f"[SSL] certificate verify failed: {why} (_ssl.c:1)")
    found = failures.of(error)
    assert found.kind == "untrusted"
    assert found.reason.endswith(why)
    assert hint in found.hint


def test_a_refusal_tells_its_status(server: WebServer) -> None:
    server.answers["/it"] = refuses(404)
    found = failure(server.url("/it"))
    assert isinstance(found, net.Refused)
    assert found.status == 404


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@h.example/a.gguf?Signature=s#f", "https://h.example/a.gguf"),
        ("http://[secret@x?s", "x"),
        ("hf:owner/name:Q?_K*", "hf:owner/name:Q?_K*"),
    ],
)
def test_secrets_of_an_address_are_not_shown(url: str, shown: str) -> None:
    assert addresses.shown(url) == shown
