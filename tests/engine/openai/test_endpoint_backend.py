"""Models that a server runs: asked, followed, cancelled, and what is told when they fail."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from PIL import Image

from tests.openai_server import Exchange, OpenAIServer, Play, words
from vlmtui.engine import images
from vlmtui.engine.backends.openai import endpoint_wire, resumed_stream
from vlmtui.engine.backends.openai.endpoint_backend import OpenAIBackend
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Event, Finished, Loaded, Notice, Thought, Trimmed
from vlmtui.engine.engine_requests import Endpoint, Generate, Load, Sampling
from vlmtui.engine.images import spare_memory
from vlmtui.engine.structured import constraints
from vlmtui.errors import ContextOverflow, EngineError, GenerateFailed, LoadFailed
from vlmtui.messages import Detail, ImagePart, Message, assistant, system, user

Serve = Callable[..., OpenAIServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(*scripts: Play, **more: Any) -> OpenAIServer:
        servers.append(OpenAIServer(*scripts, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class Asker:
    """A backend, loaded, and what it has emitted."""

    def __init__(self, server: OpenAIServer, **endpoint: Any) -> None:
        self.events: list[Event] = []
        self.cancel = CancelFlag()
        self._backend = OpenAIBackend()
        source = Endpoint(server.url, endpoint.pop("model", "llava"), **endpoint)
        load = Load(source, name="board/llava")
        self._backend.load(load, self.cancel, self.events.append)

    def ask(self, *messages: Message, **sampling: Any) -> Finished:
        asked = Generate(messages or (user("What?"),), Sampling(**sampling))
        return self._backend.generate(asked, self.cancel, self.events.append)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def info(self) -> Any:
        return next(event.info for event in self.events if isinstance(event, Loaded))


def picture(path: Path, size: tuple[int, int] = (60, 40), **save: Any) -> ImagePart:
    Image.new("RGB", size, "red").save(path, **save)
    info = images.inspect(path)
    return ImagePart(str(path), info.sha256, path.name, info.width, info.height)


def test_an_answer_comes_word_by_word_with_what_it_took(serve: Serve) -> None:
    usage = {
        "usage": {"prompt_tokens": 90, "completion_tokens": 3},
        "timings": {"prompt_ms": 500, "cache_n": 40},
    }
    asker = Asker(serve(lambda exchange: exchange.stream(*words("A", " red", " car", **usage))))
    finished = asker.ask()
    assert asker.text == "A red car"
    assert finished.reason == "stop"
    stats = finished.stats
    assert (stats.prompt_tokens, stats.reused_tokens, stats.generated_tokens) == (90, 40, 3)
    assert (stats.prefill_s, stats.prefill_tokens_per_s) == (0.5, 100.0)
    assert not stats.counted


def test_what_the_network_takes_is_told_apart_where_the_server_tells_its_times(
    serve: Serve,
) -> None:
    def play(exchange: Exchange) -> None:
        time.sleep(0.02)  # on its way
        times = {"prompt_ms": 4, "predicted_ms": 6}
        exchange.stream(*words("A", " red", " car", timings=times))

    stats = Asker(serve(play)).ask().stats
    assert stats.network_s == pytest.approx(stats.time_to_first_token_s - 0.006)
    assert Asker(serve(lambda exchange: exchange.stream(*words("A")))).ask().stats.network_s == 0


def test_another_vlmtui_tells_what_it_left_out(serve: Serve) -> None:
    left_out = {"trimmed": {"messages": 2, "images": 1}}
    asker = Asker(serve(lambda exchange: exchange.stream(*words("A", **left_out))))
    asker.ask()
    assert Trimmed(2, 1) in asker.events


def test_tokens_are_counted_by_pieces_where_the_server_tells_none(serve: Serve) -> None:
    asker = Asker(serve(lambda exchange: exchange.stream(*words("a", "b", finish="length"))))
    finished = asker.ask()
    assert (finished.reason, finished.stats.generated_tokens) == ("length", 2)
    assert finished.stats.counted


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_is_thought_comes_apart_from_the_answer(serve: Serve, name: str) -> None:
    thoughts = [{"choices": [{"delta": {name: word}}]} for word in ("Hm", ", red")]
    details = {"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}
    for usage, counted in (({}, 2), ({"usage": details}, 7)):
        play = [*thoughts, *words("Red", ".", **usage)]
        asker = Asker(serve(lambda exchange, play=play: exchange.stream(*play)))
        stats = asker.ask().stats
        assert [each.text for each in asker.events if isinstance(each, Thought)] == ["Hm", ", red"]
        assert asker.text == "Red."
        assert stats.thought_tokens == counted
        assert stats.thought_s > 0


@pytest.mark.parametrize(
    ("pieces", "thought", "text"),
    [
        (["<think>\nHm, red.\n</think>\n\nRed."], "Hm, red.\n", "Red."),
        (list("\n<think>Çe 😀</think> Ça"), "Çe 😀", "Ça"),
        (["<th", "ink></thi", "nk>", "", "Red"], "", "Red"),
        (["</think>\n\nRed"], "", "Red"),
        (["Red <think>no</think>"], "", "Red <think>no</think>"),
        (["<thinking>no"], "", "<thinking>no"),
        (["<think>a <think> b</think></think>c"], "a <think> b", "c"),
        (["<think>a", "<", "/think"], "a</think", ""),
        (["<thi"], "", "<thi"),
        ([" ", " Red  "], "", "Red  "),
    ],
)
def test_a_thought_in_the_text_of_an_answer_is_told_apart(
    serve: Serve, pieces: list[str], thought: str, text: str
) -> None:
    asker = Asker(serve(lambda exchange: exchange.stream(*words(*pieces))))
    stats = asker.ask().stats
    assert "".join(each.text for each in asker.events if isinstance(each, Thought)) == thought
    assert asker.text == text
    assert bool(stats.thought_tokens) is bool(thought)


def test_tags_are_words_where_the_server_keeps_thoughts_apart_or_an_answer_is_continued(
    serve: Serve,
) -> None:
    models = {"data": [{"id": "llava", "owned_by": "llamacpp"}]}
    apart = {"choices": [{"delta": {"reasoning_content": "Hm"}}]}
    play = [apart, *words("<think>a</think>b")]
    asker = Asker(serve(lambda exchange: exchange.stream(*play)))
    asker.ask()
    assert asker.text == "<think>a</think>b"
    asker = Asker(serve(lambda exchange: exchange.stream(*words("<think>")), models=models))
    asker.ask(user("How does one think?"), assistant("So: "))
    assert asker.text == "<think>"


@pytest.mark.parametrize("kind", ["llamacpp", "vllm", "library", "acme"])
def test_a_thought_on_a_server_is_ended_and_the_answer_comes(serve: Serve, kind: str) -> None:
    def play(exchange: Exchange) -> None:
        if exchange.path.endswith("/control"):
            ended.set()
            exchange.refuse(200, {"success": True})
            return
        exchange.begin()
        if len(server.asked) == 1:
            exchange.send({"id": "c-7", "choices": [{"delta": {"reasoning_content": "Hm"}}]})
            asker.cancel.concludes = True
            exchange.send({"id": "c-7", "choices": [{"delta": {"reasoning_content": ", so"}}]})
            if kind == "llamacpp":
                assert ended.wait(60)
        for event in words("Red."):
            exchange.send(event)
        exchange.send("[DONE]")

    ended = threading.Event()
    server = serve(play, models={"data": [{"id": "llava", "owned_by": kind}]})
    asker = Asker(server)
    assert ("conclude" in asker.info.can) is (kind != "acme")
    if kind == "acme":  # the front end stops the answer instead
        return
    assert asker.ask(user("What?")).reason == "stop"
    assert asker.text == "Red."
    assert any(isinstance(each, Thought) for each in asker.events)
    again = server.asked[1]
    if kind == "llamacpp":
        assert server.asked[0]["reasoning_control"] is True
        assert (again["id"], again["action"]) == ("c-7", "reasoning_end")
    else:
        off = {"reasoning_effort": "none"}
        if kind == "vllm":
            off = {"chat_template_kwargs": {"enable_thinking": False}}
        assert again["messages"] == server.asked[0]["messages"] and off.items() <= again.items()


def test_an_older_llama_server_is_asked_again_without_a_thought(serve: Serve) -> None:
    def play(exchange: Exchange) -> None:
        if exchange.path.endswith("/control"):
            exchange.refuse(404, {})
        elif len(server.asked) > 1:
            exchange.stream(*words("Red."))
        else:
            asker.cancel.concludes = True
            exchange.stream({"id": "c", "choices": [{"delta": {"reasoning_content": "Hm"}}]})

    server = serve(play, models={"data": [{"id": "llava", "owned_by": "llamacpp"}]})
    asker = Asker(server)
    asker.ask(user("What?"), assistant("", "Let me"))
    assert asker.text == "Red."
    assert [each["role"] for each in server.asked[-1]["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("think", "told"),
    [
        ("auto", {}),
        ("off", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("on", {"chat_template_kwargs": {"enable_thinking": True}}),
        (
            200,
            {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 200},
        ),
    ],
)
def test_a_server_is_told_to_think_or_not(serve: Serve, think: object, told: object) -> None:
    models = {"data": [{"id": "llava", "owned_by": "llamacpp"}]}
    server = serve(lambda exchange: exchange.stream(*words("Red")), models=models)
    asker = Asker(server)
    asker.ask(think=think)
    names = ("chat_template_kwargs", "thinking_budget_tokens")
    assert {name: server.asked[0][name] for name in names if name in server.asked[0]} == told
    assert "think_switch" in asker.info.can


@pytest.mark.parametrize("owner", ["library", "someone"])
def test_ollama_is_told_to_think_or_not_whoever_made_the_model(serve: Serve, owner: str) -> None:
    name = "hf.co/someone/Qwen3-VL-4B-GGUF:Q4_K_M"
    models = {"data": [{"id": name, "object": "model", "created": 1, "owned_by": owner}]}
    server = serve(lambda exchange: exchange.stream(*words("Red")), models=models)
    server.answers["/api/version"] = {"version": "0.40.12"}
    Asker(server, model=name).ask(think="off")
    assert server.asked[0]["reasoning_effort"] == "none"


def test_a_thought_that_was_cut_off_is_gone_on_with(serve: Serve) -> None:
    models = {"data": [{"id": "llava", "owned_by": "llamacpp"}]}
    server = serve(lambda exchange: exchange.stream(*words("Red")), models=models)
    Asker(server).ask(user("What?"), assistant("", "Let me"))
    begun = {"role": "assistant", "content": "", "reasoning_content": "Let me"}
    assert server.asked[0]["messages"][-1] == begun


def test_what_is_asked_for_arrives_as_the_protocol_has_it(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Ok")))
    asker = Asker(server, key="sk-1")
    image = picture(tmp_path / "a.png")
    asker.ask(
        system("Be brief."),
        user("First?", [image]),
        assistant("Yes."),
        user("left  right", [image], [5]),
        temperature=0.5,
        max_tokens=9,
        stop=("END",),
        seed=4,
        presence_penalty=1.5,
    )
    (body,) = server.asked
    assert server.authorizations == ["Bearer sk-1"] * len(server.authorizations)
    assert (body["model"], body["stream"]) == ("llava", True)
    assert (body["temperature"], body["max_tokens"]) == (0.5, 9)
    assert (body["stop"], body["seed"]) == (["END"], 4)
    assert body["presence_penalty"] == 1.5
    assert "frequency_penalty" not in body
    assert "top_k" not in body, "OpenAI's own servers refuse what they don't know"
    assert [each["role"] for each in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == "Be brief."
    kinds = [part["type"] for part in body["messages"][3]["content"]]
    assert kinds == ["text", "image_url", "text"]


def sent_picture(server: OpenAIServer) -> Image.Image:
    url = server.asked[-1]["messages"][0]["content"][0]["image_url"]["url"]
    head, _, data = url.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_is_sent_upright_and_without_what_the_camera_wrote(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Ok")))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "the photographer"
    image = picture(tmp_path / "turned.jpg", (60, 40), exif=exif)
    Asker(server).ask(user("What?", [image]))
    sent = sent_picture(server)
    assert sent.size == (40, 60)
    assert not sent.getexif()


def test_a_large_picture_is_sent_in_the_size_that_was_chosen(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Ok")))
    noise = Image.effect_noise((1600, 1200), 90)
    noise.save(tmp_path / "noise.png")
    info = images.inspect(tmp_path / "noise.png")
    image = ImagePart(str(tmp_path / "noise.png"), info.sha256, "noise.png", 1600, 1200)
    Asker(server, most_pixels=1_000_000).ask(user("What?", [image]))
    sent = sent_picture(server)
    assert sent.format == "JPEG"
    assert 900_000 < sent.width * sent.height <= 1_000_000


@pytest.mark.parametrize(
    ("detail", "told", "pixels"),
    [
        ("normal", None, 640 * 480),
        ("low", "low", 256 * 28 * 28),
        ("high", "high", 640 * 480),
        ("max", "high", 640 * 480),
        (100, "low", 100 * 28 * 28),
        (300, "high", 300 * 28 * 28),
    ],
)
def test_a_detail_is_told_in_the_protocols_words_and_bounds_the_pixels(
    serve: Serve, tmp_path: Path, detail: Detail, told: str | None, pixels: int
) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Ok")))
    photo = picture(tmp_path / "photo.png", (640, 480))
    Asker(server).ask(user("What?", [photo]), detail=detail)
    assert server.asked[-1]["messages"][0]["content"][0]["image_url"].get("detail") == told
    sent = sent_picture(server)
    assert 0.97 * pixels < sent.width * sent.height <= pixels


def test_a_photo_is_sent_that_this_machine_has_no_room_for_in_full(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Ok")))
    photo = picture(tmp_path / "photo.jpg", (6000, 4000))
    (tmp_path / "meminfo").write_text("MemAvailable: 50000 kB\n")
    monkeypatch.setattr(spare_memory, "MEMINFO", tmp_path / "meminfo")
    Asker(server, most_pixels=1_000_000).ask(user("What?", [photo]))
    assert sent_picture(server).size == (1224, 816)


def test_a_picture_of_the_chat_is_decoded_for_the_first_question_alone(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Ok")))
    asker = Asker(server)
    photo = picture(tmp_path / "photo.jpg")
    asker.ask(user("What?", [photo]))
    first = sent_picture(server)
    monkeypatch.setattr(images, "decode", lambda *_: pytest.fail("it was decoded again"))
    asker.ask(user("What?", [photo]), assistant("Ok"), user("And now?"))
    assert first.format == sent_picture(server).format == "JPEG"
    assert sent_picture(server).tobytes() == first.tobytes()


def test_what_a_server_tells_of_itself_is_known(serve: Serve) -> None:
    vllm = {"data": [{"id": "llava", "owned_by": "vllm", "max_model_len": 8192}]}
    assert Asker(serve(models=vllm)).info.context_size == 8192
    own = {"id": "llava", "owned_by": "llamacpp", "meta": {"n_params": 7000, "size": 4000}}
    llama = serve(models={"data": [own]})
    llama.answers["/props"] = {
        "default_generation_settings": {"n_ctx": 2048},
        "modalities": {"vision": False},
    }
    info = Asker(llama).info
    assert (info.context_size, info.parameters, info.size_bytes) == (2048, 7000, 4000)
    assert not info.vision
    assert Asker(serve(models={"data": [{"id": "llava"}, 7, {"id": 8}]})).info.vision


def test_a_server_without_a_list_of_models_is_taken_at_its_word(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Yes")))
    server.answers.clear()
    asker = Asker(server)
    asker.ask()
    assert asker.text == "Yes"


def test_a_model_that_the_server_has_not_is_refused_with_those_it_has(serve: Serve) -> None:
    with pytest.raises(LoadFailed, match="has no model gpt-9") as failed:
        Asker(serve(models={"data": [{"id": "llava"}, {"id": "qwen"}]}), model="gpt-9")
    assert "llava, qwen" in failed.value.hint


def test_a_cancel_hangs_up_at_once_and_keeps_what_came(serve: Serve) -> None:
    hung_up = threading.Event()

    def play(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send(next(words("Once")))
        if exchange.hung_up():
            hung_up.set()

    def cancel() -> None:
        while not asker.text:
            time.sleep(0.01)
        asker.cancel.set()

    asker = Asker(serve(play))
    threading.Thread(target=cancel, daemon=True).start()
    assert asker.ask().reason == "cancelled"
    assert asker.text == "Once"
    assert hung_up.wait(60)


def test_a_busy_server_is_asked_again_when_it_says(serve: Serve) -> None:
    server = serve(
        lambda exchange: exchange.refuse(503, {"error": {"message": "loading"}}, Retry_After="0"),
        lambda exchange: exchange.refuse(429, {}, Retry_After="0.01"),
        lambda exchange: exchange.stream(*words("Now")),
    )
    asker = Asker(server)
    asker.ask()
    assert (asker.text, len(server.asked)) == ("Now", 3)


def test_one_that_wants_to_be_left_alone_for_long_is_told_of(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.refuse(429, {}, Retry_After="3600"))
    with pytest.raises(GenerateFailed, match="busy") as failed:
        Asker(server).ask()
    assert "3600 s" in failed.value.hint
    assert len(server.asked) == 1


def test_what_was_begun_is_never_asked_again(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.stream(next(words("Half")), end=False))
    asker = Asker(server)
    with pytest.raises(GenerateFailed, match="in the middle") as failed:
        asker.ask()
    assert failed.value.hint == "What came is kept; /regen answers again."
    assert (asker.text, len(server.asked)) == ("Half", 1)


def test_an_error_in_mid_stream_is_told_in_the_servers_words(serve: Serve) -> None:
    error = {"error": {"message": "CUDA out of memory"}}
    with pytest.raises(GenerateFailed, match="CUDA out of memory"):
        Asker(serve(lambda exchange: exchange.stream(next(words("A")), error))).ask()


ODD = (
    b": hello\r\n\r\n"
    b"event: message\r\nid: 1\r\ndata:"
    b'{"choices":[{"delta":null}],"usage":null}\r\n\r\n'
    b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n'
    b'retry: 10\ndata:{"choices":[{"delta":{"content":"Caf\xc3\xa9 "}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"\xf0\x9f\x90\x88"},"finish_reason":null}]}\r\r'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)


def test_a_stream_of_any_dialect_is_read_though_it_comes_byte_by_byte(serve: Serve) -> None:
    def play(exchange: Exchange) -> None:
        exchange.begin()
        for byte in ODD:
            exchange.send_raw(bytes([byte]))

    asker = Asker(serve(play))
    stats = asker.ask().stats
    assert asker.text == "Café 🐈"
    assert (stats.prompt_tokens, stats.generated_tokens, stats.counted) == (9, 2, False)


@pytest.mark.parametrize(
    "event",
    [
        b'event: error\ndata: {"error": {"message": "CUDA out of memory"}}\n\n',
        b'data: {"object": "error", "message": "CUDA out of memory", "code": 500}\n\n',
        b'data: {"type": "error", "error": {"message": "CUDA out of memory"}}\n\n',
        b'error: {"error": "CUDA out of memory"}\n\n',
        b'data: [{"error": {"code": 500, "message": "CUDA out of memory"}}]\n\n',
    ],
)
def test_an_error_inside_an_answer_is_told_in_whatever_way_it_comes(
    serve: Serve, event: bytes
) -> None:
    def play(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send_raw(event)

    with pytest.raises(GenerateFailed, match=r"127\.0\.0\.1:\d+ failed .*CUDA out of memory"):
        Asker(serve(play)).ask()


def picky(exchange: Exchange) -> None:
    """As OpenAI's reasoning models, and Gemini's and Mistral's endpoints."""
    refused: dict[str, object] = {
        "max_tokens": {"error": {"message": "Unsupported parameter", "param": "max_tokens"}},
        "temperature": {"error": {"message": "Unsupported value", "param": "temperature"}},
        "top_p": {"error": {"message": "Unsupported parameter: 'top_p'", "param": None}},
        "stream": {"error": {"message": "Organization must be verified", "param": "stream"}},
        "seed": [{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.'}}],
        "stream_options": {"object": "error", "detail": [{"loc": ["body", "stream_options"]}]},
    }
    for name, content in refused.items():
        if name in exchange.body:
            exchange.refuse(422 if name == "stream_options" else 400, content)
            return
    message = {"message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}
    exchange.refuse(200, {"choices": [message]}, Content_Type="application/json")


def test_what_a_model_doesnt_take_is_left_out_and_told_once(serve: Serve) -> None:
    server = serve(picky)
    asker = Asker(server)
    asker.ask(max_tokens=7, seed=1)
    assert asker.text == "Yes"
    assert server.asked[-1]["max_completion_tokens"] == 7
    told = [event.message for event in asker.events if isinstance(event, Notice)]
    assert [message.partition("doesn't take ")[2] for message in told] == [
        "temperature for llava",
        "top_p for llava",
        "",
        "seed for llava",
    ]
    assert "doesn't stream answers of llava to this account" in told[2]
    sent = len(server.asked)
    asker.ask(max_tokens=7, seed=1)
    assert len(server.asked) == sent + 1
    assert len([event for event in asker.events if isinstance(event, Notice)]) == 4


def test_a_field_that_is_refused_though_it_wasnt_sent_is_an_error(serve: Serve) -> None:
    refusal = {"error": {"message": "Bad temperature", "param": "temperature"}}
    server = serve(lambda exchange: exchange.refuse(400, refusal))
    with pytest.raises(GenerateFailed, match="Bad temperature"):
        Asker(server).ask()
    assert len(server.asked) == 2


def test_an_answer_that_a_filter_stopped_is_told_of(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.stream(*words(finish="content_filter")))
    asker = Asker(server)
    asker.ask()
    (notice,) = [event for event in asker.events if isinstance(event, Notice)]
    assert "its content filter" in notice.message


def too_long(exchange: Exchange) -> None:
    if len(exchange.body["messages"]) > 3:
        error = {"type": "exceed_context_size_error", "message": "too long", "n_ctx": 2048}
        if len(exchange.body["messages"]) > 5:
            exchange.refuse(400, {"error": error})
        else:
            exchange.stream({"error": error}, end=False)  # as LM Studio refuses questions
    else:
        exchange.stream(*words("Short"))


def test_a_conversation_that_is_too_long_loses_its_oldest_part(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(too_long)
    asker = Asker(server)
    image = picture(tmp_path / "a.png")
    chat = [user("1", [image]), assistant("1"), *[user("2"), assistant("2")] * 2, user("last")]
    asker.ask(system("Be brief."), *chat)
    assert asker.text == "Short"
    assert [event for event in asker.events if isinstance(event, Trimmed)][-1].images == 1
    told = server.asked[-1]["messages"]
    assert (told[0]["role"], told[1]["role"], told[-1]["content"]) == ("system", "user", "last")


@pytest.mark.parametrize(
    "said",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: {0}. This model's maximum context "
        "length is 2048 tokens and your request has {1} input tokens ({0} > 2048 - {1}).",
        "This model's maximum context length is 2048 tokens. However, you requested 9999 tokens "
        "({1} in the messages, {0} in the completion). Please reduce the length of the messages.",
    ],
)
def test_an_answer_is_bounded_to_the_room_that_the_conversation_leaves(
    serve: Serve, said: str
) -> None:
    def as_vllm(exchange: Exchange) -> None:
        read = 600 * len(exchange.body["messages"])
        if exchange.body["max_tokens"] > 2048 - read:
            message = said.format(exchange.body["max_tokens"], read)
            exchange.refuse(400, {"error": {"message": message, "code": 400, "param": None}})
        else:
            exchange.stream(*words("Yes"))

    server = serve(as_vllm)
    Asker(server).ask(max_tokens=4096)
    assert server.asked[-1]["max_tokens"] == 2048 - 600
    asker = Asker(server)
    asker.ask(user("1"), assistant("1"), user("2"), max_tokens=4096)  # 248 tokens would be left
    assert (len(server.asked[-1]["messages"]), server.asked[-1]["max_tokens"]) == (1, 2048 - 600)


def test_a_question_that_is_too_long_by_itself_is_told_with_the_room(serve: Serve) -> None:
    error = {"type": "exceed_context_size_error", "message": "too long", "n_ctx": 2048}
    server = serve(lambda exchange: exchange.refuse(400, {"error": error}))
    with pytest.raises(ContextOverflow, match="2,048 tokens"):
        Asker(server).ask()
    assert len(server.asked) == 1


def test_an_answer_that_was_cut_off_is_continued_by_servers_that_can(serve: Serve) -> None:
    vllm = serve(
        lambda exchange: exchange.stream(*words(" more")),
        models={"data": [{"id": "llava", "owned_by": "vllm"}]},
    )
    asker = Asker(vllm)
    asker.ask(user("Tell"), assistant("Some"))
    assert vllm.asked[0]["continue_final_message"] is True
    assert asker.text == " more"
    other = Asker(serve())
    with pytest.raises(GenerateFailed, match="can't continue"):
        other.ask(user("Tell"), assistant("Some"))
    assert [each.info.continues for each in (asker, other)] == [True, False]


@pytest.mark.parametrize(
    ("play", "words_told"),
    [
        (lambda exchange: exchange.refuse(200, b"<html>", Content_Type="text/html"), "no answer"),
        (lambda exchange: exchange.stream("{", "nonsense"), "no answer"),
        (lambda exchange: exchange.refuse(401, {}), "needs a key"),
        (lambda exchange: exchange.refuse(500, b"\xff\x00"), "failed"),
        (
            lambda exchange: exchange.refuse(
                307, {}, Location="http://elsewhere.invalid/v1/chat/completions"
            ),
            "",
        ),
    ],
)
def test_whatever_else_comes_is_one_clear_line(serve: Serve, play: Play, words_told: str) -> None:
    with pytest.raises(EngineError) as failed:
        Asker(serve(play)).ask()
    assert words_told in failed.value.message
    assert failed.value.message
    assert "\n" not in failed.value.message


@pytest.mark.parametrize(
    ("first", "told"),
    [((), "sent no words for .*, only signs of life"), (("A",), "ended in the middle: .* signs")],
)
def test_a_server_that_only_keeps_the_line_open_is_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, first: tuple[str, ...], told: str
) -> None:
    def play(exchange: Exchange) -> None:
        exchange.stream(*list(words(*first))[:-1], end=False)
        while True:  # until the client hangs up
            exchange.send_raw(b": alive\n\n")
            time.sleep(0.005)

    monkeypatch.setattr(endpoint_wire, "WORDLESS_S", 0.05)
    asker = Asker(serve(play))
    with pytest.raises(GenerateFailed, match=told):
        asker.ask()
    assert asker.text == "".join(first)


def test_a_server_that_is_not_there_is_told_of_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    source = Endpoint(f"http://127.0.0.1:{port}/v1", "llava")
    with pytest.raises(LoadFailed, match=f"127.0.0.1:{port} can't be reached"):
        OpenAIBackend().load(Load(source), CancelFlag(), lambda _: None)


def test_the_key_is_in_no_representation() -> None:
    source = Endpoint("http://board/v1", "llava", key="sk-secret")
    assert "sk-secret" not in f"{source} {source!r} {Load(source)!r}"


def test_the_engines_process_serves_it_as_any_other(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda exchange: exchange.stream(*words("Hello", " there")))
    client = EngineClient(tmp_path / "engine.log")
    try:
        load = Load(Endpoint(server.url, "llava"), name="board")
        assert isinstance(list(client.load(load))[-1], Finished)
        told = list(client.generate(Generate((user("Hi"),))))
        assert "".join(e.text for e in told if isinstance(e, Delta)) == "Hello there"
        assert client.pid is not None
        maps = Path(f"/proc/{client.pid}/maps").read_text()
        assert "libllama" not in maps, "no memory goes to what isn't used"
    finally:
        client.close()


PERSON = constraints.of_schema('{"type": "object", "properties": {"a": {"type": "integer"}}}')


def notices(asker: Asker) -> list[Notice]:
    return [event for event in asker.events if isinstance(event, Notice)]


def test_a_schema_is_sent_as_response_format(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.stream(*words('{"a": ', "1}")))
    asker = Asker(server)
    asker.ask(constraint=PERSON)
    (asked,) = [each for each in server.asked if each]
    sent = asked["response_format"]["json_schema"]
    assert sent["strict"] is True and sent["schema"]["properties"] == {"a": {"type": "integer"}}
    assert asker.text == '{"a": 1}' and not notices(asker)


@pytest.mark.parametrize("said", ["Of course! a is 1.", '{"a": "x"}', '{"a": 1} and more'])
def test_an_answer_of_a_server_that_ignores_the_schema_is_not_passed_off(
    serve: Serve, said: str
) -> None:
    asker = Asker(serve(lambda exchange: exchange.stream(*words(said))))
    asker.ask(constraint=PERSON)
    (notice,) = notices(asker)
    assert notice.kind == "invalid"


def test_names_of_a_servers_answer_come_in_any_order(serve: Serve) -> None:
    schema = '{"properties": {"a": {"type": "null"}, "b": true}, "required": ["a", "b"]}'
    asker = Asker(serve(lambda exchange: exchange.stream(*words('{\n "b": [1], "a": null\n}'))))
    asker.ask(constraint=constraints.of_schema(schema))
    assert not notices(asker)


def test_a_server_that_refuses_a_schema_is_told_of_in_words(serve: Serve) -> None:
    refused = {"error": {"message": "Invalid schema for response_format 'answer'"}}
    asker = Asker(serve(lambda exchange: exchange.refuse(400, refused)))
    with pytest.raises(GenerateFailed, match="Invalid schema for response_format") as raised:
        asker.ask(constraint=PERSON)
    assert "simpler" in raised.value.hint


@pytest.mark.parametrize(
    ("owner", "key"), [("llamacpp", "grammar"), ("vllm", "structured_outputs"), ("else", None)]
)
def test_choices_are_sent_to_servers_that_can_hold_an_answer_to_them(
    serve: Serve, owner: str, key: str | None
) -> None:
    models = {"data": [{"id": "llava", "owned_by": owner}]}
    server = serve(lambda exchange: exchange.stream(*words("red")), models=models)
    asker = Asker(server)
    choices = constraints.of_choices(["red", "blue"])
    if key is None:
        with pytest.raises(GenerateFailed, match="but not to choices"):
            asker.ask(constraint=choices)
        return
    asker.ask(constraint=choices)
    (asked,) = [each for each in server.asked if each]
    assert "red" in str(asked[key]) and not notices(asker)


def stream_of(*texts: str) -> bytes:
    """The bytes of a whole stream."""
    told = [json.dumps(event) for event in words(*texts)]
    return b"".join(b"data: " + each.encode() + b"\n\n" for each in (*told, "[DONE]"))


def keeping(serve: Serve, whole: bytes, *cuts: int) -> OpenAIServer:
    """A llama-server that keeps its stream, and whose line breaks at these bytes."""
    left = list(cuts)

    def play(exchange: Exchange, begin: int = 0) -> None:
        exchange.begin()
        if left:
            exchange.send_raw(whole[begin : left.pop(0)])
            exchange.break_off()
        exchange.send_raw(whole[begin:])

    def again(exchange: Exchange) -> None:
        query = parse_qs(exchange.path.partition("?")[2])
        assert query["conv_id"] == ids[-1:]
        play(exchange, int(query["from"][0]))

    def first(exchange: Exchange) -> None:
        ids.append(exchange.headers["X-Conversation-Id"])
        play(exchange)

    ids: list[str] = []
    server = serve(first, models={"data": [{"id": "llava", "owned_by": "llamacpp"}]})
    server.answers["/v1/stream"] = again
    return server


def test_a_line_that_breaks_is_taken_up_where_it_broke(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumed_stream, "_PAUSES_S", (0.01,) * 5)
    whole = stream_of("A", " red", " çar", " here")
    server = keeping(serve, whole, 100, 101, len(whole) - 30)
    asker = Asker(server)
    assert asker.ask().reason == "stop"
    assert asker.text == "A red çar here"
    assert (len(server.asked), server.deleted) == (1, [])


def test_where_nothing_was_kept_what_came_is_and_it_is_told_how_to_go_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumed_stream, "_PAUSES_S", (0.01,) * 5)
    server = keeping(serve, stream_of("A", " red"), 100)
    del server.answers["/v1/stream"]
    asker = Asker(server)
    with pytest.raises(GenerateFailed, match="ended in the middle: the connection was cut") as told:
        asker.ask()
    assert "/continue continues it" in told.value.hint
    assert asker.text == "A"
    assert len(server.deleted) == 1


def test_a_server_that_would_go_on_without_us_is_told_to_stop(serve: Serve) -> None:
    def play(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send(next(words("A")))
        asker.cancel.set()
        exchange.hung_up()

    server = serve(play, models={"data": [{"id": "llava", "owned_by": "llamacpp"}]})
    asker = Asker(server)
    assert asker.ask().reason == "cancelled"
    (path,) = server.deleted
    assert path.startswith("/v1/stream?conv_id=")
