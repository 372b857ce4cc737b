"""Chat templates."""

import resource
import signal
import threading

import pytest

from vlmtui.builtin_templates import BUILTIN, choose
from vlmtui.engine import render_limits
from vlmtui.engine.cancellation import Aborted
from vlmtui.engine.template import ChatTemplate, Turn
from vlmtui.errors import GenerateFailed, LoadFailed

CHAT = [
    Turn("system", (), "Be brief."),
    Turn("user", ("<IMG>",), "What is it?"),
    Turn("assistant", (), "A cat."),
    Turn("user", (), "What color?"),
]


def render(name: str, turns: list[Turn]) -> str:
    builtin = BUILTIN[name]
    return ChatTemplate(builtin.source, bos="<s>", eos="</s>", joints=builtin.joints).render(turns)


def test_vicuna_speaks_as_llava_was_trained():
    assert render("vicuna_v1", CHAT) == (
        "<s>Be brief. USER: <IMG>\nWhat is it? ASSISTANT: A cat.</s>USER: What color? ASSISTANT:"
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
        "<|im_start|>user\n<IMG>What is it?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama_3_marks_each_turn():
    assert render("llama-3", CHAT[1:2]) == (
        "<s><|start_header_id|>user<|end_header_id|>\n\n<IMG>What is it?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_a_template_that_takes_nothing_but_parts_gets_one():
    source = (
        "{% for m in messages %}{% for p in m.content %}"
        "{% if p.type == 'text' %}[{{ p.text }}]{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    template = ChatTemplate(source, bos="", eos="")
    assert template.render([Turn("user", ("<IMG>",), "hi")]) == "[<IMG>hi]"


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
    assert text == "(Be brief.\nHi)"


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


def test_what_is_marked_for_training_is_read_as_it_stands():
    source = (
        "{% for m in messages %}{% generation %}{% set x = 1 %}{{ m.content }}"
        "{% endgeneration %}{{ x is defined }}{% endfor %}"
    )
    assert ChatTemplate(source, bos="", eos="").render([Turn("user", (), "hi")]) == "hiTrue"


def test_json_is_written_as_the_template_asks():
    asked = "ensure_ascii=True, separators=(',', ':'), sort_keys=True"
    source = "{{ {'b': 'é', 'a': 1} | tojson(" + asked + ") }}"
    text = ChatTemplate(source, bos="", eos="").render([Turn("user", (), "x")])
    assert text == '{"a":1,"b":"\\u00e9"}'


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
    template = ChatTemplate(BUILTIN[name].source, bos="<s>", eos="</s>")
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


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("content | trim", "\u00a0x\u3000"),
        ("content.strip()", "\u00a0x\u3000"),
        ("content.rstrip() + '|'", " \n\u00a0x\u3000|"),
        ("content.strip(' \\n\\t')", "\u00a0x\u3000"),
        ("'ä' | length", "2"),
        ("'a' + None + nothing.at.all", "a"),
        ("'a' ~ none ~ 1 ~ true", "a1True"),
        ("none + 'a'", "a"),
        ("nothing in ['a']", "False"),
        ("tools is defined", "False"),
        ("[1].append(2)", ""),
        ("none", ""),
        ("messages[0].get('x')", ""),
        ("messages[0].role ~ messages[0].get('x') ~ 1", "user1"),
        ("['a', none, ['b', 1]]", "ab1"),
        ("{'a': 1}", ""),
        ("'grüße É' | upper", "GRüßE É"),
        ("'GRÜSSE'.lower()", "grÜsse"),
        ("\"it's MINE élan\".title() ~ 'aB' | capitalize", "It's Mine élanAb"),
        ("{'a': 1}.items() | list | tojson", '[["a", 1]]'),
    ],
)
def test_an_expression_is_worth_what_llama_cpp_makes_of_it(expression, written):
    source = "{% set content = messages[0].content %}{{ " + expression + " }}"
    turns = [Turn("user", (), " \n\u00a0x\u3000\t ")]
    assert ChatTemplate(source, bos="", eos="").render(turns) == written


THINKER = (
    "{% for m in messages %}"
    "[{{ m.reasoning_content }}|{{ m.thinking }}|{{ m.content }}]{% endfor %}"
    "{% if add_generation_prompt %}{% if enable_thinking %}<think>{% else %}<think></think>"
    "{% endif %}{% endif %}"
)
THOUGHT = [Turn("user", (), "Why?"), Turn("assistant", (), "So.", "Hm"), Turn("user", (), "And?")]


def test_thoughts_are_told_and_thinking_is_switched():
    template = ChatTemplate(THINKER, bos="", eos="")
    assert template.thinks
    assert template.render(THOUGHT) == "[||Why?][Hm||So.][||And?]<think>"
    assert template.render(THOUGHT, thinking=False) == "[||Why?][Hm||So.][||And?]<think></think>"


def test_a_template_that_only_mentions_thinking_is_not_told_to_think():
    source = "{{ enable_thinking }} {{ messages[0].content }}"
    template = ChatTemplate(source, bos="", eos="")
    assert not template.thinks
    assert template.render(HELLO) == "False Hello"


@pytest.mark.parametrize("word", ["<|channel|>", "<|tool_list_start|><|tool_list_end|>"])
def test_some_families_have_another_name_for_a_thought(word):
    template = ChatTemplate(f"{{# {word} #}}{THINKER}", bos="", eos="")
    assert "[Hm|Hm|So.]" in template.render(THOUGHT)


def test_ministral_gets_thoughts_as_blocks():
    source = (
        "{# [SYSTEM_PROMPT] [TOOL_CALLS] [ARGS] #}"
        "{% for m in messages %}{{ m.content | tojson }}{% endfor %}"
    )
    assert ChatTemplate(source, bos="", eos="").render(THOUGHT[:2]) == (
        '"Why?"[{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "So."}]'
    )


def test_a_family_that_thinks_in_circles_over_whitespace_gets_none():
    source = (
        "{# You have access to the following functions in JSONSchema format #}"
        "{% for m in messages %}[{{ m.content }}]{% endfor %}"
    )
    turns = [Turn("user", ("<IMG>",), " hi\n")]
    assert ChatTemplate(source, bos="", eos="").render(turns) == "[<IMG>hi]"


def test_a_template_does_not_refuse_an_answer_for_a_channels_name_in_it():
    source = (
        "{% for m in messages %}"
        '{%- if "<|channel|>analysis<|message|>" in message.content or '
        '"<|channel|>final<|message|>" in message.content %}{{ raise_exception("no") }}{% endif %}'
        "{{ m.content }}{% endfor %}"
    )
    answer = "<|channel|>final<|message|>It is."
    turns = [Turn("assistant", (), answer)]
    assert ChatTemplate(source, bos="", eos="").render(turns) == answer


def test_a_system_message_without_a_place_goes_into_parts_too():
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}{% for p in m.content %}"
        "{% if p.type == 'text' %}[{{ p.text }}]{% endif %}{% endfor %}{% endif %}{% endfor %}"
    )
    turns = [Turn("system", (), "Be brief."), Turn("user", ("<IMG>",), "Hi")]
    assert ChatTemplate(source, bos="", eos="").render(turns) == "[Be brief.\n<IMG>Hi]"


def test_a_template_that_takes_nothing_but_parts_may_have_a_place_for_a_system_message():
    source = (
        "{% for m in messages %}{{ m.role }}:{% for p in m.content %}"
        "{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %};{% endfor %}"
    )
    turns = [Turn("system", (), "Be brief."), Turn("user", (), "Hi")]
    assert ChatTemplate(source, bos="", eos="").render(turns) == "system:Be brief.;user:Hi;"


def test_a_template_knows_the_date():
    source = "{{ messages[0].content }}{{ date_string == strftime_now('%d %b %Y') }}"
    assert ChatTemplate(source, bos="", eos="").render(HELLO) == "HelloTrue"


HELLO = [Turn("user", (), "Hello")]

ENDLESS = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"


def spinning_after_the_load(source: str) -> str:
    """Harmless in what is tried at the load: only a real conversation has this text."""
    return "{% if messages[0].content == 'Hello' %}" + source + "{% endif %}ended"


def test_gemma_has_the_system_message_in_its_first_turn() -> None:
    assert render("gemma", CHAT) == (
        "<s><start_of_turn>user\nBe brief.\n\n<IMG>What is it?<end_of_turn>\n"
        "<start_of_turn>model\nA cat.<end_of_turn>\n"
        "<start_of_turn>user\nWhat color?<end_of_turn>\n<start_of_turn>model\n"
    )


def test_phi_marks_each_turn_by_its_role() -> None:
    assert render("phi-3", CHAT[1:2]) == ("<|user|>\n<IMG>What is it?<|end|>\n<|assistant|>\n")


@pytest.mark.parametrize("name", BUILTIN)
def test_each_built_in_template_takes_a_whole_chat_and_has_something_that_ends_a_turn(name) -> None:
    text = render(name, CHAT)
    assert text.index("Be brief.") < text.index("<IMG>") < text.index("A cat.")
    assert BUILTIN[name].ends


@pytest.mark.parametrize("name", [name for name, each in BUILTIN.items() if each.tokens])
def test_a_vocabulary_tells_which_built_in_template_it_is_for(name) -> None:
    assert choose({*BUILTIN[name].tokens, "<s>"}, "gemma", "/models/x.gguf")[0] == name


@pytest.mark.parametrize(
    ("architecture", "path", "name"),
    [
        ("llama", "/models/llava-v1.6-Mistral-7b.gguf", "llava-1.6-mistral"),
        ("llama", "/models/llava-v1.5.gguf", "vicuna_v1"),
        ("qwen2", "/models/base.gguf", "chatml"),
    ],
)
def test_where_it_does_not_name_and_architecture_do(architecture, path, name) -> None:
    assert choose({"<s>", "</s>"}, architecture, path)[0] == name


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (ENDLESS, "longer"),
        ("{% for a in range(99999) %}{{ 'x' * 10000 }}{% endfor %}", "far more"),
        ("{{ ('x' * 9999999999) | length }}", "memory"),
        ("{{ 'x'.ljust(9999999999) }}", "memory"),
        ("{{ 9 ** 9 ** 9 }}", "too large"),
        ("{% set n = namespace(x=3) %}{% for a in range(99) %}{% set n.x = n.x * n.x %}"
         "{% endfor %}", "too large"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{% set n = namespace(x=['x']) %}{% for a in range(99) %}{% set n.x = n.x + n.x %}"
         "{% endfor %}", "memory"),
    ],
    ids=("loop", "output", "string", "method", "power", "square", "recursion", "list"),
)  # fmt: skip
def test_a_template_that_does_not_end_is_ended(source, said) -> None:
    template = ChatTemplate(spinning_after_the_load(source), bos="", eos="")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(GenerateFailed, match=said) as caught:
        template.render(HELLO)
    assert "--template" in caught.value.hint
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert template.render([Turn("user", (), "else")]) == "ended"


def test_a_template_that_does_not_even_end_at_the_load_is_told(monkeypatch) -> None:
    monkeypatch.setattr(render_limits, "SECONDS", 0.5)
    for source in (ENDLESS, "{{ ('x' * 9999999999) | length }}"):
        with pytest.raises(LoadFailed, match="stopped"):
            ChatTemplate(source, bos="", eos="")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ messages | nonsense }}", "No filter named 'nonsense'"),
        ("{{ messages is nonsense }}", "No test named 'nonsense'"),
        ("{% nonsense %}", "unknown tag 'nonsense'"),
        ("{% for a in b %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks"),
        ("{{ " + "(" * 5000 + ")" * 5000 + " }}", "recursion"),
        ("{{ " + "not " * 5000 + "a }}", "recursion"),
    ],
    ids=("filter", "test", "tag", "loops", "brackets", "negations"),
)
def test_what_can_not_be_read_is_told_with_a_way_out(source, said) -> None:
    with pytest.raises(LoadFailed, match=said) as caught:
        ChatTemplate(source, bos="", eos="")
    assert "--template" in caught.value.hint


@pytest.mark.parametrize(
    "source", ["{{ 1 / 0 }}", "{{ 1 % 'a' }}", "{{ messages() }}", "{% include 'x' %}", "{{ a() }}"]
)
def test_whatever_a_template_does_wrong_is_told_as_its_fault(source) -> None:
    with pytest.raises(GenerateFailed, match="chat template") as caught:
        ChatTemplate(source, bos="", eos="").render(HELLO)
    assert "--template" in caught.value.hint


def test_a_cancel_is_heard_in_the_middle_of_a_rendering() -> None:
    stopped = threading.Event()
    template = ChatTemplate(
        spinning_after_the_load(ENDLESS), bos="", eos="", cancelled=stopped.is_set
    )
    stopped.set()
    with pytest.raises(Aborted):
        template.render(HELLO)


def test_an_ordinary_template_renders_a_large_prompt_within_the_limits() -> None:
    text = "word " * 500_000
    assert text in ChatTemplate(BUILTIN["chatml"].source, bos="", eos="").render(
        [Turn("user", (), text)]
    )


def test_a_cancel_that_comes_as_a_rendering_ends_leaves_no_limit_behind(monkeypatch) -> None:
    set_timer = signal.setitimer

    def late(which, seconds, interval=0.0):
        if not seconds:  # about to be stopped, it goes off
            signal.raise_signal(signal.SIGALRM)
        return set_timer(which, seconds, interval)

    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)
    with monkeypatch.context() as patched:
        patched.setattr(signal, "setitimer", late)
        with render_limits.limited(lambda: True):
            pass
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
