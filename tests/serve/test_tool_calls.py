"""Calls of tools in answers, however the words are cut, and what the model is told of tools."""

from __future__ import annotations

import json

import pytest

from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError
from vlmtui.serve import tool_calls
from vlmtui.serve.tool_calls import Call, CalledFunction, CallFinder, Function, Tool

LIGHT = Tool(
    Function(
        "turn_on",
        "Turns a light on.",
        {"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]},
    )
)
TIME = Tool(Function("time"))
CALL = '<tool_call>\n{"name": "turn_on", "arguments": {"room": "hall"}}\n</tool_call>'


def found(*pieces: str, several: bool = True) -> tuple[str, list[str]]:
    """The words of an answer that comes in pieces, and its calls."""
    finder = CallFinder([LIGHT, TIME], several=several)
    said = "".join(map(finder.words, pieces))
    rest, calls = finder.end()
    return said + rest, [f"{c.function.name} {json.loads(c.function.arguments)}" for c in calls]


TAGS = """<tool_call>
<function=turn_on>
<parameter=room>
7
</parameter>
<parameter=level>
7
</parameter>
</function>
</tool_call>"""
"""Qwen3.5's way."""

HALL = "turn_on {'room': 'hall'}"


@pytest.mark.parametrize(
    ("answer", "words", "calls"),
    [
        ("It is dark.", "It is dark.", []),
        (CALL, "", [HALL]),
        (f"One moment.\n{CALL}\n", "One moment.", [HALL]),
        (CALL.removesuffix("\n</tool_call>"), "", [HALL]),  # it ended its turn instead
        (f"{CALL}\n<tool_call>\n" + '{"name": "time"}', "", [HALL, "time {}"]),
        ('{"name": "time", "arguments": {}}', "", ["time {}"]),
        ('```json\n{"name": "time", "arguments": "{}"}\n```', "", ["time {}"]),
        ('{"name": "turn_on", "parameters": {"room": "hall"}}', "", [HALL]),  # Llama 3's way
        (TAGS, "", ["turn_on {'room': '7', 'level': 7}"]),
        (TAGS.replace("turn_on", "other"), TAGS.replace("turn_on", "other"), []),
        ("1 <2 and <tool", "1 <2 and <tool", []),
        # what only looks like a call is what it is: words
        ('{"name": "Ada", "born": 1815}', '{"name": "Ada", "born": 1815}', []),
        ("<tool_call>never mind", "<tool_call>never mind", []),
        ("```python\nprint()\n```", "```python\nprint()\n```", []),
    ],
)
def test_calls_are_parted_from_words_however_an_answer_is_cut(
    answer: str, words: str, calls: list[str]
) -> None:
    assert found(*answer) == (words, calls)
    for cut in range(len(answer)):
        assert found(answer[:cut], answer[cut:]) == (words, calls)


def test_words_come_as_they_are_written_up_to_what_may_be_a_call() -> None:
    finder = CallFinder([TIME], several=True)
    assert [finder.words(word) for word in ("A", " red", " <b", ">", " <too")] == [
        "A",
        " red",
        " <b",
        ">",
        "",
    ]


def test_one_call_at_a_time_where_several_arent_wanted() -> None:
    assert found(f"{CALL}\n{CALL}", several=False)[1] == [HALL]


def test_a_call_in_the_conversation_stands_there_as_the_model_wrote_it() -> None:
    finder = CallFinder([LIGHT], several=True)
    finder.words(CALL)
    assert tool_calls.written(finder.end()[1]) == CALL
    assert json.loads(tool_calls.written([Call(CalledFunction("a", ""))]).split("\n")[1]) == {
        "name": "a",
        "arguments": {},
    }


def test_the_model_is_told_of_each_tool_and_how_to_call_it() -> None:
    told = tool_calls.described([LIGHT, TIME], several=True)
    assert '"description":"Turns a light on."' in told
    assert told.count('"type":"function"') == 2
    assert "<tool_call>" in told
    assert "one function at a time" in tool_calls.described([TIME], several=False)


def test_an_answer_that_must_be_a_call_can_be_nothing_else() -> None:
    inner = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}
    nested = Tool(Function("nested", None, {**inner, "$defs": {"A": {"type": "integer"}}}))
    must = tool_calls.constraint([LIGHT, nested])
    for fits in (
        '{"name": "turn_on", "arguments": {"room": "x"}}',
        '{"name": "nested", "arguments": {"a": 1}}',
    ):
        assert constraints.data(must, fits)
    for other in ('{"name": "time", "arguments": {}}', '{"name": "nested", "arguments": {}}'):
        with pytest.raises(InputError):
            constraints.data(must, other)
