from __future__ import annotations

from vlmtui.stats.image_costs import costs, thread_costs

CAT, DOG = "c" * 64, "d" * 64
FIRST = {"pictures": [{"sha256": CAT, "tokens": 256, "seconds": 1.234, "reused": False}]}
LATER = {"pictures": [{"sha256": CAT, "tokens": 256, "seconds": 0.0, "reused": True}]}


def test_a_picture_tells_tokens_and_seconds() -> None:
    assert costs(FIRST)[CAT].words() == ["256 tokens", "1.23 s"]


def test_a_later_turn_says_that_it_was_in_the_cache_and_keeps_what_it_took() -> None:
    assert thread_costs([None, FIRST, None, LATER])[CAT].words() == [
        "256 tokens",
        "1.23 s",
        "in cache",
    ]


def test_a_picture_that_was_scaled_down_says_what_the_model_saw() -> None:
    entry = {"sha256": CAT, "tokens": 1, "seconds": 0.05, "scaled_to": [336, 336]}
    assert costs({"pictures": [entry]})[CAT].words() == [
        "1 token",
        "50 ms",
        "model sees 336×336",
    ]


def test_a_picture_that_left_the_context_says_so_until_it_is_back() -> None:
    known = costs({"trimmed": {"dropped": 2, "images": [CAT, DOG]}}, costs(FIRST))
    assert known[CAT].words() == known[DOG].words() == ["no longer seen by the model"]
    assert costs(LATER, known)[CAT].words() == ["256 tokens", "1.23 s", "in cache"]


def test_a_picture_is_marked_until_a_model_sees_it_again() -> None:
    seen = {"pictures": [{"sha256": "ab", "tokens": 81, "seconds": 0.5}]}
    known = thread_costs([seen, {"unseen": ["ab"]}])
    assert known["ab"].words() == ["not seen by this model"] and known["ab"].absent
    assert not thread_costs([seen, {"unseen": ["ab"]}, seen])["ab"].absent
