from __future__ import annotations

from pathlib import Path

import pytest

from tests.web import WebServer, png, refuses, sends
from vlmtui.ask.question import Pictures
from vlmtui.engine.images import decode
from vlmtui.errors import FetchFailed


def test_a_picture_from_the_web_is_there_until_the_question_is_answered(server: WebServer) -> None:
    server.answers["/cat.png?signature=secret"] = sends(png())
    with Pictures() as pictures:
        part = pictures.part(server.url("/cat.png?signature=secret"))
        assert part.name == server.url("/cat.png")
        assert (part.width, part.height) == (8, 8)
        assert decode(part.path).size == (8, 8)
    assert not Path(part.path).exists()


def test_one_that_can_not_be_had_is_an_error(server: WebServer) -> None:
    server.answers["/gone.png"] = refuses(404)
    with Pictures() as pictures, pytest.raises(FetchFailed, match="nothing at that address"):
        pictures.part(server.url("/gone.png"))
