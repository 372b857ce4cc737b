"""Answers that were cut off and go on: the real engine with the demo model."""

import msgspec
import pytest

from tests.engine.asking import GREEDY, Answer, ask
from vlmtui.engine.engine_events import Delta, Trimmed
from vlmtui.engine.engine_requests import Generate, Sampling
from vlmtui.errors import ContextOverflow
from vlmtui.messages import assistant, user


def cut(engine, question, tokens: int) -> Answer:
    """The first tokens of an answer."""
    return ask(engine, question, sampling=msgspec.structs.replace(GREEDY, max_tokens=tokens))


@pytest.mark.parametrize("template", [None, "vicuna_v1", "llava-1.6-mistral", "chatml", "llama-3"])
@pytest.mark.parametrize("tokens", [1, 2, 5, 9])
def test_what_follows_is_what_would_have_followed(start, picture, tokens, template):
    engine = start(template=template)
    question = user("Describe the image.", (picture(seed=3),))
    whole = ask(engine, question)
    part = cut(engine, question, tokens)
    rest = ask(engine, question, assistant(part.text))
    assert part.text + rest.text == whole.text


@pytest.mark.parametrize("tokens", [1, 3, 6])
def test_it_goes_on_in_an_engine_that_never_said_the_first_part(start, picture, tokens):
    question = user("Describe the image.", (picture(seed=3),))
    engine = start()
    whole = ask(engine, question)
    part = cut(engine, question, tokens)
    cold = ask(start(), question, assistant(part.text))
    assert part.text + cold.text == whole.text


def test_whitespace_at_the_end_of_the_first_part_is_not_doubled(start, picture):
    question = user("Describe the image.", (picture(seed=3),))
    whole = ask(start(), question).text
    at = whole.index(" ", 4) + 1
    rest = ask(start(), question, assistant(whole[:at]))
    assert whole[:at] + rest.text == whole


def test_only_the_last_token_is_read_again(engine, picture):
    question = user("Describe the image.", (picture(seed=3),))
    part = cut(engine, question, 4)
    rest = ask(engine, question, assistant(part.text))
    assert rest.finished.stats.prompt_tokens == part.finished.stats.prompt_tokens + 4
    assert rest.finished.stats.reused_tokens == rest.finished.stats.prompt_tokens - 1


def test_an_answer_cancelled_in_the_middle_goes_on_as_if_it_never_was(start, picture):
    question = user("Describe the image.", (picture(seed=3),))
    endless = Sampling(temperature=0, repeat_penalty=1.3)
    engine = start()
    whole = ask(engine, question, sampling=endless).text
    said = ""
    for event in engine.generate(Generate((question,), endless)):
        if isinstance(event, Delta):
            said += event.text
            engine.cancel()
    for _time in range(100):
        rest = ask(engine, question, assistant(said), sampling=endless)
        said += rest.text
        if rest.finished.reason != "cancelled":
            break
    assert said == whole


def test_a_follow_up_to_an_answer_in_two_parts_finds_both_in_the_cache(engine, picture):
    question = user("Describe the image.", (picture(seed=3),))
    part = cut(engine, question, 4)
    rest = ask(engine, question, assistant(part.text))
    after = ask(engine, question, assistant(part.text + rest.text), user("How many shapes?"))
    before = rest.finished.stats
    assert after.finished.stats.reused_tokens >= before.prompt_tokens + before.generated_tokens - 1


def test_an_answer_longer_than_the_context_says_what_is_too_long(start):
    with pytest.raises(ContextOverflow, match="its answer so far"):
        ask(start(ctx=256), user("Hello"), assistant("What color is the circle? " * 60))


def test_the_oldest_turns_leave_for_the_rest_of_an_answer_too(start):
    engine = start(ctx=256)
    old = (user("Is there a star? " * 20), assistant("No."))
    answer = ask(engine, *old, user("Hello"), assistant("There is a red circle. " * 12))
    assert answer.finished.stats.context_used <= 256


def test_after_a_shortened_prompt_what_follows_is_what_would_have_followed(start, picture):
    engine = start(ctx=512)
    old = (user("Is there a star? " * 65), assistant("No."))
    question = user("Describe the image.", (picture(seed=3),))
    open_ended = Sampling(temperature=0)
    whole = ask(engine, *old, question, sampling=open_ended)
    assert whole.of(Trimmed)
    for event in engine.generate(Generate((*old, question), open_ended)):
        if isinstance(event, Delta):
            said = event.text
            break
    rest = ask(engine, *old, question, assistant(said), sampling=open_ended)
    assert said + rest.text == whole.text
    assert [event.dropped for event in rest.of(Trimmed)] == [2]
