"""Which messages stay in the prompt when not all fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmtui.engine.backends.llamacpp.prompt_units import ImageUnit
from vlmtui.engine.backends.llamacpp.sampled_answers import Prompt
from vlmtui.engine.backends.llamacpp.window import Window
from vlmtui.errors import ContextOverflow
from vlmtui.messages import Message, assistant, system, user


def build(messages: tuple[Message, ...]) -> Prompt:
    """A prompt with a token for each letter."""
    text = "".join(message.text for message in messages)
    return Prompt(messages, text, list(range(len(text))), {})


def conversation(turns: int, size: int = 50) -> tuple[Message, ...]:
    messages: list[Message] = []
    for turn in range(turns):
        messages += [user(f"{turn}" * size), assistant(f"{turn}" * size)]
    return (*messages, user("?" * size))


def test_a_conversation_that_fits_is_left_whole():
    prompt, dropped = Window(build, 1000, 4096).fit(conversation(3), 0)
    assert dropped == 0
    assert prompt.messages == conversation(3)


def test_the_oldest_turns_leave_and_the_system_message_stays():
    messages = (system("S" * 20), *conversation(12))
    prompt, dropped = Window(build, 1000, 4096).fit(messages, 0)
    assert dropped > 0 and dropped % 2 == 0
    assert prompt.messages[0] == messages[0]
    assert prompt.messages[1:] == messages[1 + dropped :]
    assert len(prompt.units) <= 0.75 * 750


def test_the_next_turns_begin_where_the_shortened_one_did():
    window = Window(build, 1000, 4096)
    messages = conversation(12)
    prompt, dropped = window.fit(messages, 0)
    longer = (*messages, assistant("a" * 5), user("b" * 5))
    following, dropped_again = window.fit(longer, 0)
    assert dropped_again == dropped
    assert following.text.startswith(prompt.text)


def test_a_single_message_that_was_kept_stays_the_beginning():
    window = Window(build, 1000, 4096)
    messages = (user("a" * 500), assistant("b" * 10), user("c" * 740))
    window.fit(messages, 0)
    following, dropped = window.fit((*messages, assistant("d"), user("e")), 0)
    assert dropped == 2
    assert following.text.startswith("c")


def test_another_conversation_does_not_inherit_the_shortening():
    window = Window(build, 1000, 4096)
    window.fit(conversation(12), 0)
    prompt, dropped = window.fit(conversation(2), 0)
    assert dropped == 0
    assert len(prompt.messages) == 5


def test_the_last_message_alone_may_fill_the_context_up_to_the_reserve():
    messages = (user("a" * 500), assistant("b" * 10), user("c" * 740))
    prompt, dropped = Window(build, 1000, 4096).fit(messages, 0)
    assert dropped == 2
    assert prompt.messages == messages[2:]


def test_a_message_that_can_not_fit_is_an_error_with_the_numbers():
    with pytest.raises(ContextOverflow) as caught:
        Window(build, 1000, 4096).fit((system("s" * 10), user("x" * 990)), 0)
    assert "1,000 tokens" in caught.value.message and "holds 1,000" in caught.value.message
    assert "--ctx 2048" in caught.value.hint


def test_no_context_larger_than_the_model_was_trained_for_is_advised():
    with pytest.raises(ContextOverflow) as caught:
        Window(build, 1000, 1000).fit((user("x" * 990),), 0)
    assert "--ctx" not in caught.value.hint
    assert "trained for 1,000" in caught.value.hint
    with pytest.raises(ContextOverflow) as caught:
        Window(build, 1000, 2048).fit((user("x" * 990),), 0)
    assert "--ctx 2048" in caught.value.hint


def test_a_short_answer_reserves_little():
    messages = (user("x" * 980),)
    assert Window(build, 1000, 4096).fit(messages, 10)[1] == 0
    with pytest.raises(ContextOverflow):
        Window(build, 1000, 4096).fit(messages, 0)


def test_the_rest_of_an_answer_follows_the_shortened_prompt_it_began_with():
    window = Window(build, 1000, 4096)
    messages = conversation(8)
    prompt, dropped = window.fit(messages, 0)
    assert dropped > 0
    rest, dropped_again = window.fit((*messages, assistant("a" * 5)), 0)
    assert dropped_again == dropped
    assert rest.text == prompt.text + "a" * 5


def test_the_rest_of_an_answer_may_use_the_room_that_was_kept_free_for_it():
    messages = conversation(6)
    window = Window(build, 1000, 4096)
    assert window.fit(messages, 0)[1] == 0
    assert window.fit((*messages, assistant("a" * 250)), 0)[1] == 0
    assert window.fit((*messages, assistant("a" * 300)), 0)[1] > 0


def shortest_start(messages: tuple[Message, ...], room: int) -> int:
    """What the window should find, by trying everything."""
    questions = range(2, len(messages), 2)
    sizes = {start: sum(len(message.text) for message in messages[start:]) for start in questions}
    if sum(len(message.text) for message in messages) <= room:
        return 0
    fitting = [start for start in questions if sizes[start] <= 0.75 * room]
    return fitting[0] if fitting else questions[-1]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=61).filter(lambda each: len(each) % 2))
def test_it_finds_what_trying_everything_would_find(sizes: list[int]) -> None:
    messages = tuple((assistant if at % 2 else user)("x" * size) for at, size in enumerate(sizes))
    _, dropped = Window(build, 400, 4096).fit(messages, 0)
    assert dropped == shortest_start(messages, 300)


def test_a_long_chat_takes_few_attempts_none_of_them_much_longer_than_the_context() -> None:
    messages = conversation(5000, size=2)
    attempts: list[int] = []
    prompt, dropped = Window(build, 1000, 4096).fit(messages, 0, attempts.append)
    assert dropped == len(messages) - len(prompt.messages)
    assert len(attempts) <= 16
    assert max(attempts) <= 2000


def test_in_an_even_chat_a_guess_or_two_is_enough_whatever_the_context() -> None:
    messages = conversation(20_000, size=2)
    attempts: list[int] = []
    Window(build, 32_000, 32_000).fit(messages, 0, attempts.append)
    assert len([size for size in attempts if size > 12_000]) <= 6


@given(st.lists(st.sampled_from([1, 2, 3000]), min_size=400, max_size=400))
def test_uneven_messages_take_logarithmically_many_attempts_too(sizes: list[int]) -> None:
    messages = (
        *((assistant if at % 2 else user)("x" * size) for at, size in enumerate(sizes)),
        user("?"),
    )
    attempts: list[int] = []
    Window(build, 32_000, 32_000).fit(messages, 0, attempts.append)
    assert len(attempts) <= 40


def test_a_search_ends_when_it_is_told_to() -> None:
    class Enough(Exception):
        pass

    attempts: list[int] = []

    def tried(tokens: int) -> None:
        attempts.append(tokens)
        if len(attempts) == 3:
            raise Enough

    with pytest.raises(Enough):
        Window(build, 1000, 4096).fit(conversation(500), 0, tried)
    assert len(attempts) == 3


def test_the_same_picture_shown_often_is_counted_as_often() -> None:
    def forty(messages: tuple[Message, ...]) -> Prompt:
        return Prompt(messages, "", [*(ImageUnit("ab", 0, 81, 81) for _ in range(40)), 1], {})

    with pytest.raises(ContextOverflow, match="3,240 of them for 40 pictures"):
        Window(forty, 1000, 4096).fit((user("?"),), 0)
