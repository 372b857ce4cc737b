"""Models of servers in the chat: asked about once, then answering; where words go is shown."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from textual.widgets import Input

from tests.openai_server import OpenAIServer, words
from tests.ui.conftest import Stage, ready, say, screen_of, shown, until
from vlmtui.chat.available_models import AvailableModels
from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Endpoint
from vlmtui.models import endpoints
from vlmtui.models.endpoints import Server
from vlmtui.settings import Settings
from vlmtui.ui.widgets.composer.confirm import Confirm

SIZE = (120, 36)


@pytest.fixture
def server(tmp_path: object) -> Iterator[OpenAIServer]:
    made = OpenAIServer(lambda exchange: exchange.stream(*words("A red car.")))
    yield made
    made.close()


async def test_another_machine_is_asked_about_once(stage: Stage) -> None:
    away = Server("board", "http://board.invalid:8080/v1", listed=("llava",))
    endpoints.SERVERS.add(away)
    stage.available_models = lambda: AvailableModels(Settings())
    app = stage.app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/model board/llava")
        await until(pilot, lambda: "its pictures to board.invalid:8080?" in shown(pilot))
        await pilot.press("n")
        await until(pilot, lambda: "The model stays as it is" in shown(pilot))
        assert not endpoints.SERVERS.everything()[0].agreed
        await say(pilot, "/model board/llava")
        await until(pilot, lambda: pilot.app.screen.query(Confirm))
        await pilot.press("y")
        await until(pilot, lambda: endpoints.SERVERS.everything()[0].agreed)
        await until(pilot, lambda: not pilot.app.screen.query(Confirm))


async def test_local_only_refuses_other_machines_and_takes_this_one(
    stage: Stage, server: OpenAIServer
) -> None:
    endpoints.SERVERS.add(Server("away", "http://board.invalid:8080/v1", listed=("llava",)))
    endpoints.SERVERS.add(Server("here", server.url, listed=("llava",)))
    models = AvailableModels(Settings(local_only=True))
    with pytest.raises(Exception, match="local_only is set"):
        models.load("away/llava")
    with pytest.raises(Exception, match="another machine, and local_only is set"):
        models.add_server("http://other.invalid:8080/v1")
    stage.available_models = lambda: models
    app = stage.app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/model here/llava")
        await until(pilot, lambda: "Switched to" in shown(pilot))
        assert not pilot.app.screen.query(Confirm)


async def test_the_strip_says_where_the_words_go(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert "⇄" not in shown(pilot)
        screen = screen_of(pilot)
        source = Endpoint("http://board:8080/v1", "llava")
        info = ModelInfo(name="board/llava", source=source, can=frozenset(), context_size=4096)
        screen.engine_state = msgspec.structs.replace(
            screen.engine_state, info=info, model="board/llava"
        )
        await until(pilot, lambda: "⇄ board:8080 board/llava" in shown(pilot))
        await until(pilot, lambda: "● board/llava" in shown(pilot))
        assert "0 B" not in shown(pilot), "nobody knows the size of a server's model"


async def test_a_server_is_added_and_forgotten_among_the_models(
    stage: Stage, server: OpenAIServer
) -> None:
    stage.available_models = lambda: AvailableModels(Settings())
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "/models")
        await until(pilot, lambda: "of memory free" in shown(pilot))
        pilot.app.screen.query_one(Input).value = server.url
        await until(pilot, lambda: "No model matches" in shown(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: f"Ask the server at {server.url}" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "/llava" in shown(pilot))
        (added,) = endpoints.SERVERS.everything()
        assert added.url == server.url
        await pilot.press("f8")
        await until(pilot, lambda: "Nothing is deleted there" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "is no longer listed" in shown(pilot))
        assert endpoints.SERVERS.everything() == []
