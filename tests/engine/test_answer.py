"""An answer's text, put together from the bytes of tokens."""

from vlmtui.engine.backends.llamacpp.answer_text import AnswerText


def feed_all(answer: AnswerText, *pieces: bytes) -> list[str]:
    return [answer.feed(piece) for piece in pieces]


def test_a_character_split_across_tokens_comes_out_whole():
    answer = AnswerText()
    euro = "€".encode()
    assert feed_all(answer, euro[:1], euro[1:2], euro[2:]) == ["", "", "€"]


def test_half_a_character_at_the_end_is_dropped():
    answer = AnswerText()
    assert feed_all(answer, b"ok", "é".encode()[:1]) == ["ok", ""]
    assert answer.finish() == ""
    assert answer.text == "ok"
    assert not answer.whole


def test_invalid_bytes_become_replacement_characters():
    answer = AnswerText()
    assert answer.feed(b"a\xffb") == "a\ufffdb"


def test_the_space_that_tokenizers_put_first_is_not_part_of_the_answer():
    answer = AnswerText()
    assert feed_all(answer, b" ", b" The", b" end") == ["", "The", " end"]


def test_the_answer_ends_before_a_stop_string_spread_over_tokens():
    answer = AnswerText(("END",))
    assert feed_all(answer, b"one E", b"N", b"D two") == ["one ", "", ""]
    assert answer.stopped
    assert answer.finish() == ""
    assert answer.text == "one "


def test_text_that_only_began_like_a_stop_string_is_given_out():
    answer = AnswerText(("END",))
    assert feed_all(answer, b"an EN", b"d") == ["an ", "ENd"]
    assert not answer.stopped


def test_what_is_held_back_comes_out_at_the_finish():
    answer = AnswerText(("END",))
    answer.feed(b"an EN")
    assert answer.finish() == "EN"
    assert answer.text == "an EN"
    assert answer.whole


def test_the_earliest_of_several_stop_strings_counts():
    answer = AnswerText(("two", "one"))
    answer.feed(b"zero one two")
    assert answer.text == "zero "


def test_an_empty_stop_string_stops_nothing():
    answer = AnswerText(("",))
    assert answer.feed(b"text") == "text"


def test_an_answer_that_goes_on_keeps_its_first_space():
    answer = AnswerText(begun=True)
    assert feed_all(answer, b" red", b" circle") == [" red", " circle"]


def test_whitespace_that_is_there_already_is_not_given_out_twice():
    answer = AnswerText(begun=True, unsaid=" \n")
    assert feed_all(answer, b" ", b"\n", b"\n", b" red") == ["", "", "\n", " red"]


def test_whitespace_that_the_model_does_not_say_again_takes_nothing_else_away():
    answer = AnswerText(begun=True, unsaid=" \n")
    assert feed_all(answer, b"red", b" \ncircle") == ["red", " \ncircle"]
