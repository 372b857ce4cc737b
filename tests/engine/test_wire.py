"""Frames over a socket."""

import socket
import threading

import pytest

from vlmtui.engine.engine_events import Delta, Finished, Stats
from vlmtui.engine.engine_requests import Endpoint, Files, Generate, Load, Sampling
from vlmtui.engine.wire import Channel, Command, Report, WireError
from vlmtui.errors import InputError
from vlmtui.messages import ImagePart, user


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    client, worker = Channel(left, Report), Channel(right, Command)
    yield client, worker, left, right
    client.close()
    worker.close()


def test_requests_and_events_arrive_as_they_were(ends):
    client, worker, *_ = ends
    picture = ImagePart("/a b/ü.png", "ab" * 32, "ü.png", 3, 4)
    requests = [
        Load(Files("/m.gguf", "/p.gguf"), ctx=512),
        Load(Endpoint("https://example.org/v1", "qwen"), backend="openai"),
        Generate((user("hi\n\x00\U0001f600", (picture,)),), Sampling(stop=("x",), seed=3)),
    ]
    for number, request in enumerate(requests):
        client.send(Command(number, request))
        assert worker.receive() == Command(number, request)
    for event in (Delta("text", 3), Finished("stop", Stats(prompt_tokens=5))):
        worker.send(Report(1, event))
        assert client.receive() == Report(1, event)


def test_a_name_that_is_not_utf8_is_told(ends):
    client, *_ = ends
    with pytest.raises(InputError, match=r"/caf.* is not valid UTF-8"):
        client.send(Command(1, Load(Files("/caf\udce9/m.gguf", None))))


def test_a_large_frame_arrives_whole(ends):
    client, worker, *_ = ends
    text = "x" * 3_000_000
    sender = threading.Thread(target=client.send, args=(Command(1, Generate((user(text),))),))
    sender.start()
    received = worker.receive()
    sender.join()
    assert received.request.messages[0].text == text


def test_the_end_of_the_peer_is_told(ends):
    client, worker, *_ = ends
    worker.close()
    assert client.receive() is None


def test_a_frame_cut_off_by_the_end_of_the_peer_is_the_end(ends):
    client, worker, _left, right = ends
    right.sendall(b"\x00\x00\x00\x10half")
    worker.close()
    assert client.receive() is None


@pytest.mark.parametrize(
    "garbage", [b"\xff\xff\xff\xffxxxx", b"\x00\x00\x00\x02\xc1\xc1", b"\x00\x00\x00\x01\x80"]
)
def test_what_is_no_frame_is_an_error(ends, garbage):
    client, _worker, _left, right = ends
    right.sendall(garbage)
    with pytest.raises(WireError):
        client.receive()
