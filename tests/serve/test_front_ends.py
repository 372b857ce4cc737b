"""Requests in the shapes that known programs send, and what they need of the answer."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.fakes import FakeEngine, answer
from tests.serve.conftest import Serve, events, question
from vlmtui import demo
from vlmtui.messages import ImagePart, Role

CHAT = "/v1/chat/completions"
PICTURE = base64.b64encode(demo.sample_images()[0].read_bytes()).decode()
DATA_URL = f"data:image/png;base64,{PICTURE}"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
    },
}
CALLING = answer("Let me look.", "\n<tool", '_call>\n{"name": "get_time", ', '"arguments": {}}')


def test_open_webui_chats_with_its_own_tools_as_it_does_by_default(serve: Serve) -> None:
    """Streamed, with tools though nobody switched any on; a call's result comes as parts."""
    engine = FakeEngine()
    engine.script(*CALLING)
    served = serve(engine)
    picture = {"type": "image_url", "image_url": {"url": DATA_URL}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What time is it?"}, picture]},
    ]
    asked = {
        "stream": True,
        "model": "fake",
        "stream_options": {"include_usage": True},
        "tools": [TOOL],
        "messages": messages,
    }
    told = [each for each in events(served.begin(CHAT, asked).getresponse()) if each != "[DONE]"]
    deltas = [each["choices"][0]["delta"] for each in told if each["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "Let me look."
    (calls,) = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert calls[0]["index"] == 0
    assert calls[0]["function"] == {"name": "get_time", "arguments": "{}"}
    assert told[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert told[-1]["usage"]["total_tokens"] > 0
    (request,) = engine.requests
    assert [message.role for message in request.messages] == [Role.SYSTEM, Role.USER]
    assert request.messages[0].text.startswith("Be brief.\n\n# Tools")
    assert "Tells the time." in request.messages[0].text

    call = {key: value for key, value in calls[0].items() if key != "index"}
    messages += [
        {"role": "assistant", "content": "Let me look.", "tool_calls": [call]},
        {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": [{"type": "input_text", "text": "12:00"}],
        },
    ]
    assert served.ask(CHAT, {**asked, "stream": False})[0] == 200
    _, _, called, result = engine.requests[-1].messages
    assert (called.role, called.text) == (
        Role.ASSISTANT,
        'Let me look.\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>',
    )
    assert (result.role, result.text) == (
        Role.USER,
        "<tool_response>\n12:00\n</tool_response>",
    )


def test_open_webui_asks_for_a_title_as_any_other_question(serve: Serve) -> None:
    engine = FakeEngine()
    engine.script(*answer('{"title": "A red circle"}'))
    asked = question("### Task:\nGenerate a title.", model="fake", stream=False)
    status, told = serve(engine).ask(CHAT, {**asked, "metadata": {"task": "title_generation"}})
    assert status == 200
    assert json.loads(told["choices"][0]["message"]["content"]) == {"title": "A red circle"}


def test_a_smart_home_gets_calls_and_answers_with_several_results(serve: Serve) -> None:
    """As the conversation agents of Home Assistant that take a base URL do."""
    engine = FakeEngine()
    served = serve(engine)
    calls = [
        {"type": "function", "id": name, "function": {"name": name, "arguments": '{"a": 1}'}}
        for name in ("on", "off")
    ]
    asked = question("Hall on, kitchen off", tools=[TOOL], tool_choice="auto", user="ulid")
    asked |= {"temperature": 0.6, "top_p": 1, "parallel_tool_calls": False, "stream": True}
    asked["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "on", "content": '{"done": true}'},
        {"role": "tool", "tool_call_id": "off", "content": '{"done": true}'},
    ]
    assert served.begin(CHAT, asked).getresponse().status == 200
    messages = engine.requests[0].messages
    assert [message.role.value for message in messages[1:]] == ["user", "assistant", "user"]
    assert messages[2].text.count("<tool_call>") == 2
    assert messages[3].text.count("<tool_response>") == 2
    assert "one function at a time" in messages[0].text


def test_a_call_can_be_had_for_certain_and_tools_can_be_left_out(serve: Serve) -> None:
    engine = FakeEngine()
    engine.script(*answer('{"name": "get_time", ', '"arguments": {"zone": "UTC"}}'))
    served = serve(engine)
    status, told = served.complete(tools=[TOOL], tool_choice="required")
    assert status == 200
    message = told["choices"][0]["message"]
    assert (message["content"], message["tool_calls"][0]["function"]["name"]) == (None, "get_time")
    assert told["choices"][0]["finish_reason"] == "tool_calls"
    constraint = engine.requests[-1].sampling.constraint
    assert constraint is not None and "get_time" in constraint.text

    engine.script(*answer("<tool_call>", " is a tag."))
    _, told = served.complete(tools=[TOOL], tool_choice="none")
    assert told["choices"][0]["message"]["content"] == "<tool_call> is a tag."
    assert len(engine.requests[-1].messages) == 1
    engine.script(*answer('{"a": 1}'))
    _, told = served.complete(tools=[TOOL], response_format={"type": "json_object"})
    assert told["choices"][0]["message"]["content"] == '{"a": 1}'


def test_tools_that_fill_the_context_are_left_out_which_is_told(serve: Serve) -> None:
    """Those that Open WebUI sends by itself take thousands of tokens."""
    engine = FakeEngine()
    served = serve(engine)
    about = {**TOOL["function"], "description": "x" * 8000}
    many = [{"type": "function", "function": about}]
    response = served.begin(CHAT, question(tools=many)).getresponse()
    assert (response.status, response.headers["X-Vlmtui-Notice"][:14]) == (200, "tools left out")
    assert len(engine.requests[0].messages) == 1
    served.wait_until(lambda: bool(served.log))
    assert "tools left out" in served.log[0]
    assert served.complete(tools=many, tool_choice="required")[0] == 200
    assert len(engine.requests[1].messages) == 2


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        ({"max_tokens": -1}, "max_tokens", 0),
        ({"max_completion_tokens": 9, "max_tokens": 5}, "max_tokens", 9),
        ({"repetition_penalty": 1.1}, "repeat_penalty", 1.1),
        ({"presence_penalty": 1}, "presence_penalty", 1),
        ({"frequency_penalty": -0.5}, "frequency_penalty", -0.5),
        ({"reasoning_effort": "none"}, "think", "off"),
        ({"reasoning_effort": "low"}, "think", 512),
        ({"reasoning_effort": "high"}, "think", "on"),
        ({"reasoning_effort": "whatever"}, "think", "auto"),
        ({"modalities": ["text"], "n": 1, "logprobs": False, "logit_bias": {}}, "max_tokens", 0),
        (
            {
                "store": True,
                "metadata": {"a": "b"},
                "service_tier": "auto",
                "verbosity": "low",
                "safety_identifier": "x",
                "prompt_cache_key": "x",
                "presence_penalty": 0,
                "frequency_penalty": 0,
                "keep_alive": -1,
            },
            "max_tokens",
            0,
        ),
    ],
)
def test_fields_of_other_clients_are_heeded_or_left_aside(
    serve: Serve, more: dict[str, Any], name: str, value: object
) -> None:
    engine = FakeEngine()
    assert serve(engine).complete(**more)[0] == 200
    assert getattr(engine.requests[0].sampling, name) == value


def test_parts_may_have_the_names_of_openais_newer_protocol(serve: Serve) -> None:
    engine = FakeEngine()
    content = [
        {"type": "input_text", "text": "What is "},
        {"type": "input_image", "image_url": DATA_URL},
        {"type": "text", "text": "this?"},
    ]
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    user = {"role": "user", "content": content}
    assert serve(engine).ask(CHAT, {"messages": [user, refused, user]})[0] == 200
    first, second, _ = engine.requests[0].messages
    assert [isinstance(part, ImagePart) for part in first.parts] == [False, True, False]
    assert second.text == "No."


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 3}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"response_format": {"type": "regex"}}, "response_format"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [TOOL], "tool_choice": {"function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0]"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "messages"),
    ],
)
def test_a_refusal_names_the_field(serve: Serve, more: dict[str, Any], param: str) -> None:
    status, told = serve().ask(CHAT, {**question(), **more})
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert told["error"]["param"].startswith(param)


def test_a_base_url_without_its_end_and_one_model_by_its_name_are_answered(serve: Serve) -> None:
    served = serve()
    assert served.ask("/models")[1]["data"][0]["id"] == "fake"
    assert served.ask("/v1/models/fake")[1]["id"] == "fake"
    assert served.ask("/v1/models/other")[0] == 404
    status, told = served.ask("/v1/responses", question())
    assert status == 404
    assert "POST /v1/chat/completions" in told["error"]["message"]
    connection = served.connect()
    connection.request("GET", CHAT)
    assert connection.getresponse().status == 405
