"""What is kept of the cost of an answer."""

from __future__ import annotations

from typing import Any

from vlmtui.chat.tally import Tally, continued
from vlmtui.engine.engine_events import Encoded, Finished, Notice, Stats, Trimmed, Unseen
from vlmtui.messages import ImagePart, assistant, system, user

A, B, C = (ImagePart(f"/{name}.png", name * 64, f"{name}.png", 8, 6) for name in "abc")
DONE = Finished("stop", Stats(generated_tokens=4))


def picture(image: ImagePart, seconds: float, *, reused: bool = False) -> dict[str, Any]:
    return {
        "sha256": image.sha256,
        "tokens": 81,
        "seconds": seconds,
        "reused": reused,
        "scaled_to": None,
    }


def test_pictures_are_listed_in_the_order_of_the_prompt() -> None:
    tally = Tally([user("one", (A,)), assistant("Yes."), user("two", (B, C))])
    tally.take(Encoded(1, 81, 0.5, False))
    tally.take(Encoded(2, 81, 0.25, False, (336, 200)))
    tally.take(Encoded(0, 81, 0.0, True))
    assert tally.stats(DONE)["pictures"] == [
        picture(A, 0.0, reused=True),
        picture(B, 0.5),
        {**picture(C, 0.25), "scaled_to": [336, 200]},
    ]


def test_an_answer_without_pictures_lists_none() -> None:
    stats = Tally([user("one")]).stats(DONE)
    assert "pictures" not in stats
    assert "trimmed" not in stats
    assert (stats["generated_tokens"], stats["finish_reason"]) == (4, "stop")


def test_the_pictures_that_left_the_context_are_named() -> None:
    messages = [
        system("Be brief."),
        user("one", (A, A)),
        assistant("Yes."),
        user("two", (B,)),
        assistant("No."),
        user("three", (B, C)),
    ]
    tally = Tally(messages)
    tally.take(Trimmed(4, 3))
    assert tally.stats(DONE)["trimmed"] == {"dropped": 4, "images": [A.sha256]}


def test_a_picture_costs_what_both_parts_of_an_answer_spent_on_it() -> None:
    before = {"generated_tokens": 3, "pictures": [picture(A, 0.5), picture(A, 0.0, reused=True)]}
    more = {
        "generated_tokens": 2,
        "pictures": [
            picture(A, 0.25, reused=False),
            picture(A, 0.0, reused=True),
            picture(B, 0.125),
        ],
    }
    assert continued(before, more)["pictures"] == [
        picture(A, 0.75),
        picture(A, 0.0, reused=True),
        picture(B, 0.125),
    ]


def test_a_beginning_without_figures_gets_those_of_the_rest() -> None:
    assert continued(None, {"generated_tokens": 2}) == {"generated_tokens": 2, "continued": 1}
    noted = {"peak_bytes": 7}
    assert continued(noted, {"generated_tokens": 2})["peak_bytes"] == 7


def test_pictures_that_the_model_does_not_see_are_named_once_each() -> None:
    tally = Tally([user("one", (A, B)), assistant("Yes."), user("two", (A,))])
    tally.take(Unseen(2))
    stats = tally.stats(DONE)
    assert stats["unseen"] == [A.sha256, B.sha256]
    assert continued({"generated_tokens": 2}, stats)["unseen"] == stats["unseen"]


def test_why_an_answer_is_not_valid_is_kept_until_the_whole_was_looked_at_again() -> None:
    tally = Tally(())
    tally.take(Notice("invalid", "it was cut off"))
    cut = tally.stats(Finished("length"))
    assert cut["invalid"] == "it was cut off"
    assert "invalid" not in continued(cut, Tally(()).stats(Finished("stop")))
    assert continued(cut, cut)["invalid"] == "it was cut off"
