"""The server's side of the protocol: answers, their order, their ends, and who isn't heard."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes import INFO, TIMEOUT, FakeEngine, Gate, answer, crash
from tests.serve.conftest import Serve, events, question
from tests.web import WebServer, sends
from vlmtui import demo
from vlmtui.engine.engine_events import Delta, Event, Finished, Stats, Thought, Trimmed
from vlmtui.engine.engine_requests import Generate
from vlmtui.errors import ContextOverflow
from vlmtui.messages import ImagePart, Role, TextPart
from vlmtui.net import addresses
from vlmtui.serve import completions, head_timeout

CHAT = "/v1/chat/completions"
PICTURE = demo.sample_images()[0].read_bytes()
DATA_URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


def shown(*parts: str) -> dict[str, Any]:
    """A question of texts and addresses of pictures."""
    content = [
        {"type": "image_url", "image_url": {"url": part}}
        if part.startswith(("data:", "http", "file"))
        else {"type": "text", "text": part}
        for part in parts
    ]
    return {"messages": [{"role": "user", "content": content}]}


def test_an_answer_comes_in_one_with_what_it_took(serve: Serve) -> None:
    engine = FakeEngine()
    engine.script(
        Trimmed(2, 1),
        *answer("A red", " circle."),
        Finished("length", Stats(prompt_tokens=90, reused_tokens=40, generated_tokens=2)),
    )
    status, told = serve(engine).complete()
    assert status == 200
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "A red circle."}
    assert told["choices"][0]["finish_reason"] == "length"
    assert told["usage"]["prompt_tokens_details"] == {"cached_tokens": 40}
    assert (told["usage"]["prompt_tokens"], told["usage"]["total_tokens"]) == (90, 92)
    assert told["trimmed"] == {"messages": 2, "images": 1}


def test_a_stream_comes_word_by_word_and_ends_with_usage_where_it_is_wanted(serve: Serve) -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(Delta("A", 1), gate, Delta(" red", 2))
    served = serve(engine)
    asked = question(stream=True, stream_options={"include_usage": True})
    response = served.begin(CHAT, asked).getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    first = [response.readline() for _ in range(4)]
    assert json.loads(first[2][6:])["choices"][0]["delta"] == {"content": "A"}
    gate.open()  # the first word came before the second was made
    rest = events(response)
    assert rest[0]["choices"][0]["delta"] == {"content": " red"}
    assert rest[1]["choices"][0]["finish_reason"] == "stop"
    assert rest[2]["choices"] == []
    assert rest[2]["usage"]["completion_tokens"] == 4
    assert rest[3] == "[DONE]"


def test_a_stream_that_waits_shows_signs_of_life(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions, "SIGN_OF_LIFE_S", 0.005)
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate)
    engine.script(ContextOverflow("The message is larger than the context"))
    served = serve(engine)
    reading = served.begin(CHAT, question(stream=True)).getresponse()
    waiting = served.begin(CHAT, question(stream=True)).getresponse()
    for response in (reading, waiting):
        first = [response.readline() for _ in range(6)]
        assert json.loads(first[0][6:])["choices"][0]["delta"]["role"] == "assistant"
        assert first[2] == first[4] == b": keep-alive\n"
    gate.open()
    assert events(reading)[-1] == "[DONE]"
    assert events(waiting)[-1]["error"]["code"] == "context_length_exceeded"


def test_what_is_asked_for_reaches_the_engine(serve: Serve) -> None:
    engine = FakeEngine()
    served = serve(engine)
    asked = shown("Compare ", DATA_URL, " with this.")
    asked["messages"].insert(0, {"role": "developer", "content": "Be brief."})
    more = {"temperature": 1, "top_p": 0.5, "top_k": -1, "min_p": 0.1, "seed": -1, "stop": "END"}
    status, _ = served.ask(CHAT, {**asked, **more, "max_completion_tokens": 7, "user": "me"})
    assert status == 200
    (request,) = engine.requests
    system, user = request.messages
    assert (system.role, system.text) == (Role.SYSTEM, "Be brief.")
    before, picture, after = user.parts
    assert (before, after) == (TextPart("Compare "), TextPart(" with this."))
    assert isinstance(picture, ImagePart)
    assert (picture.width, picture.height) == (480, 360)
    served.wait_until(lambda: not Path(picture.path).exists())  # gone with the request
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.min_p) == (1.0, 0.5, 0.1)
    assert (sampling.top_k, sampling.seed, sampling.stop) == (0, 2**32 - 1, ("END",))
    assert sampling.max_tokens == 7


def test_what_home_automation_sends_is_taken(serve: Serve) -> None:
    """As LLM Vision of Home Assistant does: a name before each picture, the question last."""
    engine = FakeEngine()
    asked = shown("Image 1:", DATA_URL, "front door:", DATA_URL, "Is there a parcel?")
    for part in asked["messages"][0]["content"]:
        if part["type"] == "image_url":
            part["image_url"]["detail"] = "low"
    served = serve(engine)
    more = {"model": "fake", "max_tokens": 100, "temperature": 0.2, "top_p": None, "user": None}
    assert served.ask(CHAT, {**asked, **more})[0] == 200
    (message,) = engine.requests[0].messages
    assert message.text == "Image 1:front door:Is there a parcel?"
    assert [isinstance(part, ImagePart) for part in message.parts] == [False, True] * 2 + [False]
    assert [image.detail for image in message.images] == ["low", "low"]
    assert [image.detail for image in message.images] == ["low", "low"]
    assert engine.requests[0].sampling.top_p == 0.95


def test_thought_is_told_apart_from_the_answer_and_can_be_turned_off(serve: Serve) -> None:
    engine = FakeEngine()
    served = serve(engine)
    for _ in range(2):
        engine.script(Thought("Red", 1), Thought("?", 2), *answer("A circle."))
    _, told = served.complete(chat_template_kwargs={"enable_thinking": False})
    said = {"role": "assistant", "content": "A circle.", "reasoning_content": "Red?"}
    assert told["choices"][0]["message"] == said
    asked = question(stream=True, thinking_budget_tokens=9)
    asked["messages"] += [{**said}, {"role": "user", "content": "And?"}]
    pieces = events(served.begin(CHAT, asked).getresponse())[1:4]
    deltas = [piece["choices"][0]["delta"] for piece in pieces]
    assert deltas == [
        {"reasoning_content": "Red"},
        {"reasoning_content": "?"},
        {"content": "A circle."},
    ]
    first, second = engine.requests
    assert (first.sampling.think, second.sampling.think) == ("off", 9)
    assert second.messages[1].thought == "Red?"


def test_the_model_is_listed_as_our_own_client_wants_to_know_it(serve: Serve) -> None:
    status, told = serve().ask("/v1/models")
    assert status == 200
    (row,) = told["data"]
    assert (row["id"], row["owned_by"]) == ("fake", "vlmtui")
    assert row["meta"]["n_ctx"] == 4096


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"{", 400, "not JSON"),
        ({}, 400, "missing required field `messages`"),
        (question(temperature="hot"), 400, "`$.temperature`"),
        (question(temperature=-1), 400, "`$.temperature`"),
        (question(top_p=2), 400, "`$.top_p`"),
        (question(model="gpt-4o"), 404, "There is no model gpt-4o here, but fake."),
        (question(n=2), 400, "doesn't take n"),
        (question(functions=[{"name": "f"}]), 400, "doesn't take functions"),
        (question(presence_penalty=3), 400, "`$.presence_penalty`"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "should be the user's"),
        ({"messages": [{"role": "critic", "content": "x"}]}, 400, "`$.messages[0].role`"),
        (shown("data:image/png;base64,AAAA"), 400, "Picture 1 is not a picture"),
        (shown("data:image/png;base64,A"), 400, "base64 of picture 1 is damaged"),
        (shown("data:image/png,hello"), 400, "not a data: address in base64"),
        (shown("file:///etc/passwd"), 400, "The address of picture 1 is not one of a picture"),
        (shown("http://127.0.0.1:1/x.png"), 400, "fetches no pictures from the web"),
        (shown(*[DATA_URL] * 33), 400, "more than 32 pictures"),
    ],
)
def test_what_cant_be_done_is_refused_in_words(
    serve: Serve, body: object, status: int, told: str
) -> None:
    engine = FakeEngine()
    served = serve(engine)
    got, refused = served.ask(CHAT, body)
    assert (got, engine.requests) == (status, [])
    assert told in refused["error"]["message"]
    assert served.complete()[0] == 200


def test_no_picture_is_got_from_the_servers_own_network(serve: Serve) -> None:
    served = serve(fetching=True)
    status, refused = served.ask(CHAT, shown(f"http://127.0.0.1:{served.port}/v1/models"))
    assert status == 400
    assert "in this machine's own network" in refused["error"]["message"]


def test_pictures_of_the_web_are_fetched_where_that_is_switched_on(
    serve: Serve, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "is_global", lambda _: True)  # as if loopback were the web
    server.answers["/a.png"] = sends(PICTURE)
    engine = FakeEngine()
    served = serve(engine, fetching=True)
    assert served.ask(CHAT, shown(server.url("/a.png"), "What?"))[0] == 200
    (picture,) = engine.requests[0].messages[0].images
    assert (picture.width, picture.height) == (480, 360)
    served.wait_until(lambda: not Path(picture.path).exists())


def test_a_model_without_eyes_says_so(serve: Serve) -> None:
    blind = msgspec.structs.replace(INFO, can=frozenset())
    status, refused = serve(model=blind).ask(CHAT, shown(DATA_URL, "What?"))
    assert status == 400
    assert "fake sees no pictures" in refused["error"]["message"]


def test_a_body_that_is_too_large_isnt_read(serve: Serve) -> None:
    served = serve()
    connection = served.connect()
    connection.putrequest("POST", CHAT)
    connection.putheader("Content-Length", str(10**10))
    connection.endheaders()
    assert connection.getresponse().status == 413


# ---------------------------------------------------------------------- who is heard


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8484"}, 200),
        ({"Host": "[::1]:8484"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[evil"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://good.example"}, 200),
    ],
)
def test_without_a_key_only_this_machine_is_heard(
    serve: Serve, headers: dict[str, str], status: int
) -> None:
    served = serve(origins=("https://good.example",))
    assert served.ask("/v1/models", **headers)[0] == status


def hung_up(connection: socket.socket) -> bool:
    """Wait until the server hangs up."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_client_that_never_asks_is_hung_up_on_and_one_that_waits_is_not(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate, *answer("Late"))
    served = serve(engine)
    waiting = served.begin(CHAT, question())
    gate.wait_reached()
    again = served.connect()
    again.request("GET", "/health")
    again.getresponse().read()
    monkeypatch.setattr(head_timeout, "HEAD_S", 0.05)
    again.sock.sendall(b"GET /hea")  # the next request of a connection has to come, too
    assert hung_up(again.sock)
    for begun in (b"", b"GET /health HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=TIMEOUT) as silent:
            with suppress(BrokenPipeError, ConnectionResetError):
                silent.sendall(begun)
            assert hung_up(silent)
    gate.open()
    assert waiting.getresponse().status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Content-Length: +2\r\n",
    ],
)
def test_a_request_whose_end_is_doubtful_is_answered_by_hanging_up(
    serve: Serve, head: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", serve().port), timeout=TIMEOUT) as client:
        answered = b""
        with suppress(OSError):  # it may hang up before it has read all
            client.sendall(b"POST /v1/models HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n{}")
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(4096):
                answered += piece
    assert answered.count(b"HTTP/1.1") <= 1
    assert not answered.startswith(b"HTTP/1.1 200")


def test_with_a_key_nothing_is_told_without_it(serve: Serve) -> None:
    served = serve(key="sk-secret")
    for path in ("/v1/models", "/metrics", "/nothing"):
        assert served.ask(path)[0] == 401
        assert served.ask(path, Authorization="Bearer sk-secre")[0] == 401
        assert served.ask(path, Authorization="Basic sk-secret")[0] == 401
    assert served.ask("/health")[0] == 200
    assert served.ask("/v1/models", Authorization="Bearer sk-secret", Host="board")[0] == 200
    assert not any("secret" in line for line in served.log)


def test_pages_of_a_named_site_are_told_that_they_may_ask(serve: Serve) -> None:
    served = serve(key="sk-1", origins=("https://good.example",))
    connection = served.connect()
    wanted = "authorization, x-stainless-os"  # as OpenAI's client for browsers sends
    asked = {"Origin": "https://good.example", "Access-Control-Request-Headers": wanted}
    connection.request("OPTIONS", CHAT, headers=asked)
    preflight = connection.getresponse()
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://good.example"
    assert preflight.headers["Access-Control-Allow-Headers"] == wanted


def test_the_log_tells_of_requests_and_of_nothing_that_was_said(serve: Serve) -> None:
    engine = FakeEngine()
    engine.script(*answer("A secret answer."))
    served = serve(engine)
    served.complete("A secret question.", user="secret")
    served.wait_until(lambda: bool(served.log))
    (line,) = served.log
    assert "POST /v1/chat/completions 200" in line
    assert "80 tokens in, 4 out" in line
    assert "secret" not in line


# ---------------------------------------------------------------------- order, cancels, ends


def test_answers_are_given_one_after_the_other_and_more_are_told_to_come_back(
    serve: Serve,
) -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate, *answer("First"))
    engine.script(*answer("Second"))
    served = serve(engine, waiting=1)
    first = served.begin(CHAT, question("1"))
    gate.wait_reached()
    second = served.begin(CHAT, question("2"))
    served.wait_until(lambda: served.metric("requests_waiting") == 1)
    third = served.begin(CHAT, question("3")).getresponse()
    assert third.status == 429
    assert int(third.headers["Retry-After"]) >= 1
    gate.open()
    for connection, word in ((first, "First"), (second, "Second")):
        told = json.loads(connection.getresponse().read())
        assert told["choices"][0]["message"]["content"] == word
    assert [request.messages[0].text for request in engine.requests] == ["1", "2"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_has_its_answer_stopped_and_the_next_one_is_answered(
    serve: Serve, stream: bool
) -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(Delta("A", 1), gate, Delta(" red", 2))
    served = serve(engine)
    gone = served.begin(CHAT, question(stream=stream))
    gate.wait_reached()
    gone.close()
    served.wait_until(lambda: engine.cancels > 0)
    status, told = served.complete()
    assert (status, told["choices"][0]["message"]["content"]) == (200, "Yes.")
    assert any("499" in line for line in served.log)


def test_one_that_goes_while_it_waits_costs_nobody_anything(serve: Serve) -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate, *answer("First"))
    served = serve(engine)
    first = served.begin(CHAT, question("1"))
    gate.wait_reached()
    waiting = served.begin(CHAT, question("2"))
    served.wait_until(lambda: served.metric("requests_waiting") == 1)
    waiting.close()
    served.wait_until(lambda: served.metric("requests_waiting") == 0)
    gate.open()
    assert first.getresponse().status == 200
    assert served.complete("3")[0] == 200
    assert [request.messages[0].text for request in engine.requests] == ["1", "3"]
    assert engine.cancels == 0


def test_an_answer_that_takes_too_long_is_stopped(serve: Serve) -> None:
    engine = FakeEngine()
    engine.script(Gate())
    served = serve(engine, seconds=0.2)
    assert served.complete()[0] == 504
    assert served.complete()[0] == 200
    engine.script(Delta("A", 1), Gate())
    response = served.begin(CHAT, question(stream=True)).getresponse()
    assert response.status == 200
    assert events(response)[-1]["error"]["code"] == "timeout"


def test_what_fails_has_a_status_before_the_first_word_and_an_event_after_it(
    serve: Serve,
) -> None:
    engine = FakeEngine()
    served = serve(engine)
    engine.script(ContextOverflow("The message is larger than the context"))
    status, refused = served.complete(stream=True)
    assert (status, refused["error"]["code"]) == (400, "context_length_exceeded")
    engine.script(crash("prefill"))
    status, refused = served.complete()
    assert status == 500
    assert "The engine died" in refused["error"]["message"]
    engine.script(Delta("A", 1), crash("decode"))
    response = served.begin(CHAT, question(stream=True)).getresponse()
    assert "The engine died" in events(response)[-1]["error"]["message"]
    assert served.complete()[0] == 200


def test_a_server_that_stops_lets_an_answer_end_and_takes_no_more(serve: Serve) -> None:
    engine = FakeEngine()
    gate = Gate()
    engine.script(gate, *answer("Last"))
    served = serve(engine)
    last = served.begin(CHAT, question("1"))
    gate.wait_reached()
    waiting = served.begin(CHAT, question("2"))
    served.wait_until(lambda: served.metric("requests_waiting") == 1)
    assert served.app is not None
    served.call(served.app.queue.close)
    assert waiting.getresponse().status == 503
    assert served.complete()[0] == 503
    gate.open()
    assert last.getresponse().status == 200


class EchoEngine(FakeEngine):
    """Says what it was asked, word by word."""

    def generate(self, request: Generate) -> Iterator[Event]:
        self.script(*answer(*request.messages[-1].text.split()))
        yield from super().generate(request)


def test_many_clients_that_come_and_go_get_their_own_answers(serve: Serve) -> None:
    served = serve(EchoEngine(), waiting=32)
    wrong: list[object] = []

    def client(name: str) -> None:
        for number in range(6):
            said = f"{name} {number}"
            connection = served.begin(CHAT, question(said, stream=number % 2 == 0))
            if number == 3:
                connection.close()
                continue
            response = connection.getresponse()
            if number % 2:
                text = json.loads(response.read())["choices"][0]["message"]["content"]
            else:
                pieces = [each for each in events(response) if each != "[DONE]"]
                text = "".join(each["choices"][0]["delta"].get("content", "") for each in pieces)
            if text != said.replace(" ", ""):
                wrong.append((said, text))

    clients = [threading.Thread(target=client, args=(name,)) for name in "abcdefgh"]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert wrong == []
    served.wait_until(lambda: served.metric("answers_running") == 0)
    assert served.metric("requests_waiting") == 0


FORM = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": FORM}}}, "schema"),
        ({"response_format": {"type": "json_object"}}, "schema"),
        ({"grammar": 'root ::= "yes"'}, "grammar"),
        ({"response_format": {"type": "text"}}, None),
    ],
)
def test_a_form_of_the_answer_reaches_the_engine(
    serve: Serve, asked: dict[str, Any], kind: str | None
) -> None:
    engine = FakeEngine()
    engine.script(*answer('{"a": 1}'))
    assert serve(engine).complete(**asked)[0] == 200
    constraint = engine.requests[-1].sampling.constraint
    assert (constraint and constraint.kind) == kind


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"type": "json_schema", "json_schema": {"schema": {"not": {}}}}, "at #/not"),
        ({"type": "json_schema"}, "has no schema"),
        ({"type": "regex"}, "response_format of type regex"),
    ],
)
def test_a_form_that_cant_be_enforced_is_refused(
    serve: Serve, asked: dict[str, Any], said: str
) -> None:
    status, told = serve(FakeEngine()).complete(response_format=asked)
    assert status == 400 and said in told["error"]["message"]
