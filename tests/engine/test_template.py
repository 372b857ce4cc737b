"""Chat templates."""

import pytest

from vlmtui.engine.template import BUILTIN, ChatTemplate, Turn
from vlmtui.errors import GenerateFailed, LoadFailed

CHAT = [
    Turn("system", (), "Be brief."),
    Turn("user", ("<IMG>",), "What is it?"),
    Turn("assistant", (), "A cat."),
    Turn("user", (), "What color?"),
]


def render(name: str, turns: list[Turn]) -> str:
    return ChatTemplate(BUILTIN[name], bos="<s>", eos="</s>").render(turns)


def test_vicuna_speaks_as_llava_was_trained():
    assert render("vicuna_v1", CHAT) == (
        "<s>Be brief. USER: <IMG>\nWhat is it? ASSISTANT: A cat.</s> USER: What color? ASSISTANT:"
    )


def test_vicuna_has_a_system_message_of_its_own():
    text = render("vicuna_v1", CHAT[1:])
    assert text.startswith("<s>A chat between a curious user and an artificial intelligence")


def test_mistral_puts_the_system_message_into_the_first_instruction():
    assert render("llava-1.6-mistral", CHAT) == (
        "<s>[INST] Be brief.\n<IMG>\nWhat is it? [/INST] A cat.</s>[INST] What color? [/INST]"
    )


def test_chatml_marks_each_turn():
    assert render("chatml", CHAT[1:2]) == (
        "<|im_start|>user\n<IMG>\nWhat is it?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama_3_marks_each_turn():
    assert render("llama-3", CHAT[1:2]) == (
        "<s><|start_header_id|>user<|end_header_id|>\n\n<IMG>\nWhat is it?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_a_template_that_takes_parts_gets_parts():
    source = (
        "{% for m in messages %}{% for p in m.content %}"
        "{% if p.type == 'text' %}[{{ p.text }}]{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    template = ChatTemplate(source, bos="", eos="")
    assert template.render([Turn("user", ("<IMG>",), "hi")]) == "[<IMG>][hi]"


def test_a_template_that_takes_both_keeps_pictures_and_text_together():
    source = (
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}"
        "{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}"
    )
    assert ChatTemplate(source, bos="", eos="").render([Turn("user", ("<I>",), "hi")]) == "<I>hi"


def test_a_template_without_a_place_for_a_system_message_gets_it_in_the_first_question():
    source = (
        "{% for m in messages %}{% if m.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}"
        "{% endif %}({{ m.content }}){% endfor %}"
    )
    text = ChatTemplate(source, bos="", eos="").render(
        [Turn("system", (), "Be brief."), Turn("user", (), "Hi")]
    )
    assert text == "(Be brief.\n\nHi)"


def test_blocks_are_trimmed_as_hugging_face_does():
    source = (
        "{% for m in messages %}\n"
        "    {% if true %}\n{{ m.content }}\n    {% endif %}\n"
        "{% endfor %}\n"
    )
    assert ChatTemplate(source, bos="", eos="").render([Turn("user", (), "x")]) == "x\n"


def test_loop_controls_and_json_work():
    source = (
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}"
        "{{ m | tojson }}{% endfor %}{{ strftime_now('%Y') | length }}"
    )
    text = ChatTemplate(source, bos="", eos="").render(
        [Turn("user", (), "<é>"), Turn("user", (), "b")]
    )
    assert text == '{"role": "user", "content": "<é>"}4'


def test_a_template_can_not_reach_python():
    template = ChatTemplate("{{ messages.__class__.__mro__ }}", bos="", eos="")
    with pytest.raises(GenerateFailed, match="refuses"):
        template.render([Turn("user", (), "x")])


def test_a_broken_template_is_told_at_the_load():
    with pytest.raises(LoadFailed, match="template"):
        ChatTemplate("{% for %}", bos="", eos="")


@pytest.mark.parametrize(
    ("name", "between"),
    [("vicuna_v1", " "), ("llava-1.6-mistral", " "), ("chatml", ""), ("llama-3", "")],
)
def test_an_answer_that_goes_on_stands_where_the_template_puts_answers(name, between):
    template = ChatTemplate(BUILTIN[name], bos="<s>", eos="</s>")
    assert template.joint(CHAT, template.render(CHAT), "A re") == between


def test_a_template_that_ends_its_prompt_otherwise_than_it_writes_answers_has_no_joint():
    source = (
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]<think></think>{% endif %}"
    )
    template = ChatTemplate(source, bos="", eos="")
    assert template.joint(CHAT, template.render(CHAT), "A re") == ""


def test_a_template_that_refuses_one_more_turn_has_no_joint():
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ raise_exception('no') }}"
        "{% endif %}{{ m.content }}{% endfor %}"
    )
    template = ChatTemplate(source, bos="", eos="")
    question = [Turn("user", (), "hi")]
    assert template.joint(question, template.render(question), "A re") == ""
