"""Fetching over a real connection, from servers that do what servers shouldn't."""

from __future__ import annotations

import re
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.web import Answer, WebServer, png, redirects, refuses, sends
from vlmtui.chat import fetch
from vlmtui.errors import FetchFailed


def failure(url: str) -> str:
    with pytest.raises(FetchFailed) as error, fetch.fetched(url):
        pass
    assert error.value.hint
    return error.value.message


def test_a_picture_arrives_whole_and_is_gone_afterwards(server: WebServer) -> None:
    server.answers["/my%20cat.png?size=2"] = sends(png())
    told: list[tuple[int, int | None]] = []
    with fetch.fetched(
        server.url("/my%20cat.png?size=2#x"),
        progress=lambda done, total: told.append((done, total)),
    ) as file:
        assert file.read_bytes() == png()
        assert file.name == "my cat.png"
    assert not file.exists()
    assert told[0] == (0, len(png()))
    assert told[-1] == (len(png()), len(png()))


def test_a_redirect_is_followed(server: WebServer) -> None:
    server.answers["/a"] = redirects("/b.png")
    server.answers["/b.png"] = sends(png(), length=-1)
    with fetch.fetched(server.url("/a")) as file:
        assert file.read_bytes() == png()


def test_letters_beyond_ascii_travel_encoded(server: WebServer) -> None:
    server.answers["/k%C3%A4tzchen.png"] = sends(png())
    with fetch.fetched(server.url("/kätzchen.png")) as file:
        assert file.name == "kätzchen.png"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refuses(404), r"has nothing at that address \(404\)"),
        (refuses(403), r"needs a login or permission for it \(403\)"),
        (refuses(500), "error 500"),
        (sends(b"<html>", kind="text/html"), "a web page, not a picture"),
        (sends(b"<html>", kind="image/png"), "sent no picture that can be used: it is not"),
        (sends(b"", kind="image/png"), "an empty file"),
        (sends(png(), length=len(png()) + 5), "the connection was cut"),
        (sends(b"x", length=30_000_000), "is 30 MB; at most 20 MB"),
        (redirects("/it"), "without end"),
        (redirects("file:///etc/passwd"), "not on the web"),
        (redirects("ftp://example.org/a.png"), "is not fetched|not on the web"),
        (lambda request: request.wfile.write(b"nonsense\r\n\r\n"), "doesn't speak HTTP"),
        (lambda request: None, "can't be reached|doesn't speak HTTP"),
    ],
)
def test_what_goes_wrong_is_told_in_words(server: WebServer, answer: Answer, told: str) -> None:
    server.answers["/it"] = answer
    message = failure(server.url("/it"))
    assert re.search(told, message), message


def test_more_than_the_limit_is_not_taken_whatever_the_server_says(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1000)
    server.answers["/it"] = sends(b"x" * 2000, length=-1)
    assert "is larger" in failure(server.url("/it"))


def test_a_server_that_never_answers_is_given_up(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.3)
    server.answers["/it"] = lambda request: server.released.wait(60) and None
    assert "takes too long" in failure(server.url("/it"))


def test_a_server_that_trickles_is_given_up(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        sends(b"", length=1000)(request)
        while not server.released.wait(0.05):
            try:
                request.wfile.write(b"x")
            except OSError:
                return

    monkeypatch.setattr(fetch, "SECONDS", 0.5)
    server.answers["/it"] = trickle
    assert "takes too long" in failure(server.url("/it"))


def test_it_can_be_cancelled(server: WebServer) -> None:
    server.answers["/it"] = lambda request: server.released.wait(60) and None
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(fetch.Cancelled), fetch.fetched(server.url("/it"), cancelled=cancelled):
        pass


def test_nobody_there(server: WebServer) -> None:
    server.close()
    assert "it refuses connections" in failure(server.url("/it"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a",
        "http://",
        "http://[x",
        "http://a:99999/",
        "http://me:secret@example.org/a.png",
        "http://example.org/a b",
        "http://example.org/\x1b[31m",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(FetchFailed) as error:
        fetch.host_of(url)
    assert "\x1b" not in error.value.message
    assert "secret" not in error.value.message


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://a/x/cat.png?q", "cat.png"),
        ("http://a/", "picture"),
        ("http://a/%2e%2e", "picture"),
        ("http://a/..%2f..%2fetc%2fpasswd", "passwd"),
        ("http://a/%1b%5b31m.png", "_[31m.png"),
    ],
)
def test_a_name_is_only_a_name(url: str, name: str) -> None:
    assert fetch.name_of(url) == name


def test_no_room_for_it_here_is_not_blamed_on_the_server(
    server: WebServer, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/it"] = sends(b"x" * 3_000_000)
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
    assert re.search("kept in a temporary file: No space left", failure(server.url("/it")))
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk / "absent"))
    assert re.search("kept in a temporary file: No such file", failure(server.url("/it")))
