from __future__ import annotations

from vlmtui.compose.question_walk import History
from vlmtui.messages import user
from vlmtui.storage.prompts import Asked


def asked(*texts: str) -> list[Asked]:
    return [Asked(100 - number, user(text)) for number, text in enumerate(texts)]


def test_a_walk_goes_back_and_ends_where_it_began() -> None:
    history = History("typed")
    assert history.older() is None and not history.complete
    history.extend(asked("third", "second", "second"), complete=False)
    assert history.oldest == 98
    assert history.older() == user("third")
    assert history.older() == user("second")
    assert history.older() is None  # the same again counts once
    history.extend(asked("first"), complete=True)
    assert history.older() == user("first")
    assert history.older() is None and history.complete
    assert [history.newer() for _ in range(4)] == [
        user("second"),
        user("third"),
        "typed",
        "typed",
    ]
