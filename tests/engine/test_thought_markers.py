"""What stands around a thought, found in chat templates of the families' kinds."""

import pytest

from vlmtui.builtin_templates import BUILTIN
from vlmtui.engine.backends.llamacpp import thought_markers
from vlmtui.engine.template import ChatTemplate, Turn

LOOP = "{% for m in messages %}<|{{ m.role }}|>\n"
SHOWS = (
    LOOP
    + "{% if m.reasoning_content and loop.last %}<think>\n{{ m.reasoning_content }}\n</think>\n\n"
    + "{% endif %}{{ m.content }}<|end|>\n{% endfor %}"
    + "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
EMPTY_PAIRS = (
    LOOP
    + "{% if m.role == 'assistant' %}{% if m.reasoning_content and loop.last %}"
    + "<think>{{ m.reasoning_content }}</think>{% else %}<think></think>{% endif %}\n{% endif %}"
    + "{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
OTHER_TAGS = SHOWS.replace("think>", "ponder>")
UNMARKED = (
    LOOP + "{% if m.reasoning_content %}{{ m.reasoning_content }}\n{% endif %}{{ m.content }}"
    "<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
DROPS = (
    LOOP + "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
GEMMA_4 = (
    LOOP + "{% set parts = m.content.split('<channel|>') %}{{ parts[-1] }}<turn|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)


def find(source: str, tokens: tuple[str, ...] = ()) -> thought_markers.Markers | None:
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    return thought_markers.find(template, lambda text: text in tokens)


@pytest.mark.parametrize(
    ("source", "opens", "closes", "ending"),
    [
        (SHOWS, "<think>", "</think>", "\n</think>\n\n"),
        (EMPTY_PAIRS, "<think>", "</think>", "</think>"),
        (OTHER_TAGS, "<ponder>", "</ponder>", "\n</ponder>\n\n"),
        (DROPS, "<think>", "</think>", "\n</think>\n\n"),
        (GEMMA_4, "<|channel>thought", "<channel|>", "\n<channel|>"),
    ],
)
def test_they_are_what_the_template_puts_there(source, opens, closes, ending):
    markers = find(source)
    assert markers is not None
    assert (markers.open, markers.close, markers.ending) == (opens, closes, ending)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_template_without_thoughts_has_none(name):
    assert find(BUILTIN[name].source) is None


def test_the_mark_of_a_speaker_is_not_that_of_a_thought():
    assert find(UNMARKED) is None


def test_a_vocabulary_that_has_both_tells_where_the_template_does_not():
    source = BUILTIN["chatml"].source
    assert find(source, ("[THINK]",)) is None
    markers = find(source, ("[THINK]", "[/THINK]"))
    assert markers is not None
    assert markers.open == "[THINK]"


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("enable_thinking is defined and not enable_thinking", "enable_thinking"),
        ("not thinking", "thinking"),
        ("thinking_budget == 0", "thinking_budget"),
        ("messages[0].role == 'nobody'", ""),
    ],
)
def test_a_switch_is_what_makes_a_difference(test, name):
    source = (
        "{% for m in messages %}{{ m.content }}{% endfor %}"
        f"{{% if {test} %}}<think></think>{{% else %}}<think>{{% endif %}}"
    )
    template = ChatTemplate(source, bos="", eos="")
    assert template.switch == name
    off, on = (template.render([Turn("user", (), "hi")], thinking=to) for to in (False, True))
    assert (off == "hi<think></think>") is bool(name)
    assert on == "hi<think>"
