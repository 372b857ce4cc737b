"""Models that think, on the real llama.cpp: scripted ones with random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.asking import Answer, ask
from tests.engine.zoo import scripted
from tests.engine.zoo.scripted import LEAVES, OPENS, SWITCHLESS, TIGHT, Script, chain, circle
from tests.hosts import shared
from vlmtui.engine.backends.llamacpp.backend import LlamaCppBackend
from vlmtui.engine.cancellation import CancelFlag
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_events import Delta, Event, Loaded, Notice, Thought
from vlmtui.engine.engine_requests import Constraint, Files, Generate, Load, Sampling, Think
from vlmtui.engine.structured import constraints
from vlmtui.messages import assistant, user

ABOUT = user("which color")

NEWLINE = "<0x0A>"
"""What the prompts end with: what follows it is the first word."""

CLOSES = chain(NEWLINE, "h", "m", "</think>", "r", "e", "d")
CIRCLES = circle("<think>", "o", "h") | chain("</think>", "r", "e", "d")
ENDS_INSIDE = chain(NEWLINE, "h", "m")
CONTROL = ("<|im_start|>", "<think>", "</think>", "<|im_end|>")

Start = Callable[..., "Backend"]


def sampling(think: Think = "auto", tokens: int = 48) -> Sampling:
    return Sampling(temperature=0, max_tokens=tokens, think=think)


def thought(answer: Answer) -> str:
    return "".join(event.text for event in answer.of(Thought))


__all__ = ["shared"]


class Backend:
    """The backend in this process, which starts in no time."""

    def __init__(self, load: Load) -> None:
        self._backend = LlamaCppBackend()
        events: list[Event] = []
        self._backend.load(load, CancelFlag(), events.append)
        self.info = next(event.info for event in events if isinstance(event, Loaded))
        self.close = self._backend.close

    def generate(self, request: Generate) -> Iterator[Event]:
        events: list[Event] = []
        finished = self._backend.generate(request, CancelFlag(), events.append)
        yield from (*events, finished)


@pytest.fixture
def start_scripted(tmp_path: Path) -> Iterator[Start]:
    backends: list[Backend] = []

    def make(script: Script, *, sees: bool = False, **changes: object) -> Backend:
        number = len(backends)
        model = scripted.write(tmp_path / f"scripted-{number}.gguf", script)
        tower = scripted.write_tower(tmp_path / f"tower-{number}.gguf") if sees else None
        backends.append(Backend(Load(Files(str(model), tower and str(tower)), **changes)))
        return backends[-1]

    yield make
    for backend in backends:
        backend.close()


def test_a_thought_that_the_template_opens_is_told_apart_from_the_answer(start_scripted):
    engine = start_scripted(Script(CLOSES, OPENS))
    answer = ask(engine, ABOUT, sampling=sampling())
    assert (thought(answer), answer.text) == ("hm", "red")
    kinds = [type(event) for event in answer.events if isinstance(event, Thought | Delta)]
    assert kinds == sorted(kinds, key=[Thought, Delta].index)
    stats = answer.finished.stats
    assert (stats.generated_tokens, stats.thought_tokens) == (6, 3)
    assert 0 < stats.thought_s <= stats.decode_s
    assert engine.info.can >= {"thinking", "think_switch", "conclude"}


@pytest.mark.parametrize("plain", [True, False])
def test_a_thought_that_the_model_opens_is_told_apart(start_scripted, plain):
    follows = {NEWLINE: "<think>", **chain("<think>", "h", "m", "</think>", "r", "e", "d")}
    script = Script(follows, LEAVES) if plain else Script(follows, LEAVES, CONTROL, ())
    answer = ask(start_scripted(script), ABOUT, sampling=sampling())
    assert (thought(answer), answer.text) == ("hm", "red")


def test_a_marker_in_pieces_is_one(start_scripted):
    follows = chain(NEWLINE, "m", *"</think>", "r", "e", "d")
    answer = ask(start_scripted(Script(follows, OPENS, plain=())), ABOUT, sampling=sampling())
    assert (thought(answer), answer.text) == ("m", "red")


def test_characters_in_pieces_are_whole_on_both_sides_of_a_marker(start_scripted):
    follows = chain(NEWLINE, "<0xC3>", "<0xA4>", "</think>", "<0xE2>", "<0x82>", "<0xAC>")
    answer = ask(start_scripted(Script(follows)), ABOUT, sampling=sampling())
    assert (thought(answer), answer.text) == ("ä", "€")


def test_without_a_thought_there_is_the_answer_alone(start_scripted):
    answer = ask(start_scripted(Script(chain(NEWLINE, "r", "e", "d"), LEAVES)), ABOUT)
    assert (thought(answer), answer.text) == ("", "red")
    assert answer.finished.stats.thought_tokens == 0


@pytest.mark.parametrize(("template", "switch"), [(OPENS, True), (SWITCHLESS, False)])
def test_a_model_that_is_not_to_think_answers_at_once(start_scripted, template, switch):
    follows = chain(NEWLINE, "r", "e", "d")
    engine = start_scripted(Script(follows, template))
    answer = ask(engine, ABOUT, sampling=sampling("off"))
    assert (thought(answer).strip(), answer.text) == ("", "red")
    assert answer.finished.stats.thought_tokens == 0
    assert ("think_switch" in engine.info.can) is switch


@pytest.mark.parametrize(("think", "most"), [(5, 5), ("auto", 512)])
def test_a_budget_ends_the_thought_and_the_answer_begins(start_scripted, think, most):
    answer = ask(start_scripted(Script(CIRCLES, TIGHT)), ABOUT, sampling=sampling(think, 0))
    assert answer.finished.stats.thought_tokens == most
    assert set(thought(answer)) == {"o", "h"}
    assert (answer.text, answer.finished.reason) == ("red", "stop")


@pytest.mark.parametrize("keep_alive", [0.0, 5.0])
def test_the_user_ends_a_thought_and_gets_the_answer(tmp_path, shared, keep_alive):
    model = scripted.write(tmp_path / "model.gguf", Script(CIRCLES, TIGHT))
    engine = EngineClient(tmp_path / "engine.log", keep_alive)
    text = ""
    try:
        for _ in engine.load(Load(Files(str(model)))):
            pass
        for event in engine.generate(Generate((ABOUT,), sampling("on", 0))):
            if isinstance(event, Thought):
                engine.conclude()
            elif isinstance(event, Delta):
                text += event.text
    finally:
        engine.close()
    assert text == "red"


@pytest.mark.parametrize("tokens", [20, 0])
def test_a_thought_that_never_ends_is_a_thought_and_no_answer(start_scripted, tokens):
    engine = start_scripted(Script(CIRCLES, TIGHT), ctx=256)
    answer = ask(engine, ABOUT, sampling=sampling("on", tokens))
    assert answer.text == ""
    assert set(thought(answer)) == {"o", "h"}
    assert answer.finished.reason == ("length" if tokens else "context")
    assert answer.finished.stats.thought_tokens == answer.finished.stats.generated_tokens


def test_a_turn_that_ends_inside_a_thought_has_no_answer(start_scripted):
    answer = ask(start_scripted(Script(ENDS_INSIDE)), ABOUT, sampling=sampling())
    assert (thought(answer), answer.text, answer.finished.reason) == ("hm", "", "stop")


def test_markers_inside_a_thought_and_behind_the_first_word_are_words(start_scripted):
    follows = chain(NEWLINE, "h", "<think>", "</think>", "r", "e")
    follows |= {"e": "[/THINK]", "[/THINK]": "<|im_end|>"}
    answer = ask(start_scripted(Script(follows)), ABOUT, sampling=sampling())
    assert (thought(answer), answer.text) == ("h<think>", "re[/THINK]")


def test_a_closing_marker_before_the_answer_is_no_part_of_it(start_scripted):
    follows = {NEWLINE: "</think>", **chain("</think>", "r", "e", "d")}
    answer = ask(start_scripted(Script(follows, LEAVES)), ABOUT, sampling=sampling())
    assert (thought(answer), answer.text) == ("", "red")


@pytest.mark.parametrize("text", ["</think>", "<think>", "a <think> b </think> c"])
@pytest.mark.parametrize("control", [True, False])
def test_markers_that_a_person_writes_are_data(start_scripted, text, control):
    script = Script(CLOSES, OPENS, CONTROL, ()) if control else Script(CLOSES)
    engine = start_scripted(script)
    answer = ask(engine, user(text), sampling=sampling())
    assert (thought(answer), answer.text) == ("hm", "red")
    letters = ask(engine, user("x" * len(text.replace(" ", ""))), sampling=sampling())
    more = answer.finished.stats.prompt_tokens - letters.finished.stats.prompt_tokens
    assert more >= 0  # each letter is a token: none of them has become a marker


def test_old_thought_leaves_the_prompt_unless_the_template_asks_for_it(start_scripted):
    follow_up = user("and now")
    for template, kept in ((OPENS, False), (OPENS.replace("and loop.last", ""), True)):
        engine = start_scripted(Script(CLOSES, template))
        bare = ask(engine, ABOUT, assistant("red"), follow_up, sampling=sampling())
        full = ask(engine, ABOUT, assistant("red", "hmhmhm"), follow_up, sampling=sampling())
        more = full.finished.stats.prompt_tokens - bare.finished.stats.prompt_tokens
        assert (more > 6) if kept else (more == 0)


def test_a_follow_up_does_not_read_the_thought_as_if_it_were_in_the_prompt(start_scripted):
    """The template leaves it out, so the tokens that were sampled don't stand there."""
    follows = {NEWLINE: "<think>", **chain("<think>", "h", "m", "</think>", "r", "e", "d")}
    warm, cold = (start_scripted(Script(follows, LEAVES)) for _ in range(2))
    first = ask(warm, ABOUT, sampling=sampling())
    told = (ABOUT, assistant(first.text, thought(first)), user("and now"))
    sizes = {ask(each, *told).finished.stats.prompt_tokens for each in (warm, cold)}
    assert len(sizes) == 1


@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("template", [OPENS, LEAVES])
def test_an_answer_cut_off_anywhere_goes_on_where_it_was(start_scripted, template, tokens):
    follows = {NEWLINE: "<think>"} if template is LEAVES else {NEWLINE: "h"}
    follows |= chain("<think>", "h", "m", "</think>", "r", "e", "d")
    warm, cold = (start_scripted(Script(follows, template)) for _ in range(2))
    part = ask(warm, ABOUT, sampling=sampling(tokens=tokens))
    begun = assistant(part.text, thought(part))
    for engine in (warm, cold) if part.text or thought(part) else ():
        rest = ask(engine, ABOUT, begun, sampling=sampling())
        assert thought(part) + thought(rest) == "hm"
        assert part.text + rest.text == "red"


def test_a_question_about_a_picture_is_thought_about(start_scripted, picture):
    engine = start_scripted(Script(CLOSES), sees=True)
    answer = ask(engine, user("which color", (picture(),)), sampling=sampling())
    assert (thought(answer), answer.text) == ("hm", "red")
    assert answer.finished.stats.image_tokens > 0


def held(answer_is: Constraint, **more: object) -> Sampling:
    return Sampling(temperature=0, max_tokens=48, constraint=answer_is, **more)


OPENED = {NEWLINE: "<think>", **chain("<think>", "m", "</think>", "r", "e", "d")}
IN_PIECES = chain(NEWLINE, "m", *"</think>", "r", "e", "d")
THINKERS = {
    "the template opens it": Script(CLOSES, OPENS),
    "without space around it": Script(CLOSES, TIGHT),
    "the model opens it": Script(OPENED, LEAVES),
    "the model opens it, by control tokens": Script(OPENED, LEAVES, CONTROL, ()),
    "its end comes in pieces": Script(IN_PIECES, OPENS, plain=()),
}


@pytest.mark.parametrize("script", THINKERS.values(), ids=THINKERS)
@pytest.mark.parametrize("choices", [["blue", "red"], ["blue"]])
def test_a_thought_is_free_and_the_answer_behind_it_is_one_of_the_choices(
    start_scripted, script, choices
):
    one_of = constraints.of_choices(choices)
    answer = ask(start_scripted(script), ABOUT, sampling=held(one_of))
    assert thought(answer) in ("hm", "m") and answer.text == choices[-1]
    assert not answer.of(Notice)


def test_an_answer_follows_its_schema_after_a_thought_that_had_to_end(start_scripted):
    schema = constraints.of_schema('{"type": "array", "items": {"enum": ["a"]}, "maxItems": 1}')
    answer = ask(start_scripted(Script(CIRCLES, TIGHT)), ABOUT, sampling=held(schema, think=5))
    assert thought(answer) == "ohoho" and answer.text in ("[]", '["a"]')
    assert not answer.of(Notice)


def test_without_a_thought_the_first_word_is_held_to_the_schema(start_scripted):
    script = Script(chain(NEWLINE, "r", "e", "d"), LEAVES)
    answer = ask(start_scripted(script), ABOUT, sampling=held(constraints.of_choices(["no"])))
    assert (thought(answer), answer.text) == ("", "no")


def test_a_thought_that_never_ends_is_no_valid_answer(start_scripted):
    one_of = constraints.of_choices(["red"])
    answer = ask(start_scripted(Script(ENDS_INSIDE)), ABOUT, sampling=held(one_of))
    assert thought(answer) and not answer.text
    (notice,) = answer.of(Notice)
    assert notice.kind == "invalid"
