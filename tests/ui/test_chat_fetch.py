"""Pictures from the web on the chat screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.events import Paste

from tests.ui.conftest import Stage, answered, ask, ready, say, shown, until
from tests.web import WebServer, png, refuses, sends
from vlmtui.ui.widgets.composer.composer import Composer
from vlmtui.ui.widgets.composer.confirm import Confirm

SIZE = (120, 36)
TOKEN = "[image: cat.png 8x8]"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = WebServer()
    server.answers["/cat.png"] = sends(png())
    yield server
    server.close()


async def test_an_address_in_a_message_is_fetched_after_asking_and_then_sent(
    stage: Stage, server: WebServer
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, f"What is this? @{server.url('/cat.png')}")
        await until(pilot, lambda: f"Fetch cat.png from 127.0.0.1:{server.port}?" in shown(pilot))
        assert server.asked == []
        await pilot.press("y")
        await until(pilot, lambda: stage.engine.requests)
        await answered(pilot)
    (question,) = stage.engine.requests[0].messages
    assert (question.text, question.images[0].name) == ("What is this?", "cat.png")


async def test_a_part_of_a_picture_of_the_web_is_cut_out(stage: Stage, server: WebServer) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, f"/image {server.url('/cat.png')}[50%,0,50%,100%]")
        await until(pilot, lambda: f"Fetch cat.png from 127.0.0.1:{server.port}?" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: screen.prompt.images)
        await say(pilot, f"What is @{server.url('/cat.png')}[0,0,9,9]?")
        await until(pilot, lambda: screen.query(Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "reaches beyond cat.png" in shown(pilot))
    assert stage.engine.requests == []


@pytest.mark.parametrize("key", ["n", "escape"])
async def test_no_fetches_nothing_and_the_text_stays(
    stage: Stage, server: WebServer, key: str
) -> None:
    typed = f"What is this? @{server.url('/cat.png')}"
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, typed)
        await until(pilot, lambda: screen.query(Confirm))
        await pilot.press(key)
        await until(pilot, lambda: "Nothing was fetched" in shown(pilot))
        assert screen.prompt.text == typed
        await pilot.press("x")
        assert screen.prompt.text == typed + "x"
    assert server.asked == []
    assert stage.engine.requests == []


async def test_a_pasted_address_becomes_a_picture_in_its_place(
    stage: Stage, server: WebServer
) -> None:
    async with stage.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "look "
        screen.query_one(Composer).post_message(Paste(server.url("/cat.png")))
        await until(pilot, lambda: screen.query(Confirm))
        await pilot.click("#yes")
        await until(pilot, lambda: screen.prompt.images)
        assert screen.prompt.text == f"look {TOKEN} "
        await pilot.press("ctrl+z")
        assert screen.prompt.text == f"look {server.url('/cat.png')}"


async def test_the_command_takes_files_and_addresses(stage: Stage, server: WebServer) -> None:
    stage.picture("a.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, f"/image a.png {server.url('/cat.png')}")
        await until(pilot, lambda: screen.query(Confirm) and screen.prompt.images)
        await pilot.press("enter")
        await until(pilot, lambda: len(screen.prompt.images) == 2)


async def test_a_failure_is_told_and_nothing_is_sent(stage: Stage, server: WebServer) -> None:
    server.answers["/gone.png"] = refuses(404)
    typed = f"What is this? @{server.url('/gone.png')}"
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, typed)
        await until(pilot, lambda: screen.query(Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "has nothing at that address (404)" in shown(pilot))
        assert screen.prompt.text == typed
    assert stage.engine.requests == []


async def test_escape_cancels_a_slow_one(stage: Stage, server: WebServer) -> None:
    server.answers["/slow.png"] = lambda request: server.released.wait(60) and None
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, f"/image {server.url('/slow.png')}")
        await until(pilot, lambda: screen.query(Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "Esc cancels" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Cancelled" in shown(pilot))
        await ask(pilot, "hello")
        assert "Yes." in shown(pilot)


async def test_an_address_that_is_none_is_refused_without_asking(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image http://me:secret@example.org/a.png")
        await until(pilot, lambda: "has a password in it" in shown(pilot))
        assert not screen.query(Confirm)
