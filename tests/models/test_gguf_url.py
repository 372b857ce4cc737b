from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.models import headers
from vlmtui.errors import BadModelFile, FetchFailed
from vlmtui.models import gguf


class Site:
    """What a server gives, and what it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.whole = len(content)
        """Bytes that the file is said to have."""

        self.ranges = True
        self.status = 0
        self.redirect = ""
        self.asked: list[dict[str, str]] = []
        self.sent = 0
        self.url = ""


@contextmanager
def serving(content: bytes) -> Iterator[Site]:
    site = Site(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append({name.lower(): value for name, value in self.headers.items()})
            if site.redirect:
                self.send_response(302)
                self.send_header("Location", site.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if site.status:
                self.send_error(site.status)
                return
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert wanted is not None
            first, last = int(wanted[1]), min(int(wanted[2]), len(site.content) - 1)
            if site.ranges:
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{site.whole}")
                body = site.content[first : last + 1]
            else:
                self.send_response(200)
                body = site.content
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                for start in range(0, len(body), 65536):
                    self.wfile.write(body[start : start + 65536])
                    site.sent += len(body[start : start + 65536])
            except OSError:
                return  # hung up, as it should

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/model.gguf"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


VOCABULARY = headers.strings("tokenizer.ggml.merges", [f"{n} merged" for n in range(150_000)])


def test_a_header_comes_over_the_network_in_a_few_ranges() -> None:
    content = headers.model(VOCABULARY) + bytes(20_000_000)
    with serving(content) as site:
        header = gguf.from_url(site.url)
    assert header.length("tokenizer.ggml.merges") == 150_000
    assert header.file_size == len(content)
    assert site.sent < 6_000_000
    assert len(site.asked) < 10


def test_a_server_without_ranges_is_hung_up_on() -> None:
    with serving(headers.model(VOCABULARY) + bytes(60_000_000)) as site:
        site.ranges = False
        header = gguf.from_url(site.url)
        assert header.architecture == "llama"
        assert len(site.asked) == 1
        assert site.sent < 30_000_000


def test_a_cut_off_file_is_told_by_the_servers_size() -> None:
    with serving(headers.model()[:-1000]) as site, pytest.raises(BadModelFile, match="1,000 of"):
        gguf.from_url(site.url)


def test_a_page_in_place_of_a_file_is_told() -> None:
    with serving(b"<!doctype html>" * 10) as site, pytest.raises(BadModelFile, match="a web page"):
        gguf.from_url(site.url)


def test_a_token_goes_to_its_own_server_only() -> None:
    token = {"Authorization": "Bearer secret"}
    with serving(headers.model()) as elsewhere, serving(b"") as hub:
        hub.redirect = elsewhere.url.replace("127.0.0.1", "localhost")
        gguf.from_url(hub.url, token)
        assert hub.asked[0]["authorization"] == "Bearer secret"
        assert elsewhere.asked
        assert all("authorization" not in asked for asked in elsewhere.asked)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "HF_TOKEN"), (404, "/resolve/"), (503, "later")]
)
def test_a_refusal_says_what_to_do(status: int, hint: str) -> None:
    with serving(b"") as site:
        site.status = status
        with pytest.raises(FetchFailed, match=str(status)) as caught:
            gguf.from_url(f"{site.url}?token=secret")
    assert hint in caught.value.hint
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["ftp://host/m.gguf", "file:///etc/passwd", "model.gguf", "http://"]
)
def test_only_web_addresses_are_fetched(url: str) -> None:
    with pytest.raises(FetchFailed, match="not a web address"):
        gguf.from_url(url)


def test_nobody_there_is_told() -> None:
    with serving(b"") as site:
        url = site.url
    with pytest.raises(FetchFailed, match="can't be reached"):
        gguf.from_url(url)
