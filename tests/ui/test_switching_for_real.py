"""The demo model, another one by its path, and the demo model again: nothing here is a fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import zoo
from tests.ui.conftest import ask, ready, say, shown, until
from vlmtui import demo
from vlmtui.chat.chat_runtime import ChatRuntime
from vlmtui.chat.requests import load_request
from vlmtui.settings import Settings
from vlmtui.ui.launch import make_app


async def test_the_demo_model_gives_way_to_another_one_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLMTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("TMUX", raising=False)
    files = zoo.build("qwen2.5-vl", tmp_path)
    picture = demo.sample_images()[0]
    settings = Settings(temperature=0.0, max_tokens=12, ctx=1024)
    runtime = ChatRuntime(settings, load_request(settings), continue_last=False)
    app = make_app(runtime, settings)
    try:
        async with app.run_test(size=(160, 48)) as pilot:
            screen = await ready(pilot)
            await ask(pilot, f'@"{picture}" Describe the image.')
            first = runtime.pid()
            await say(pilot, f"/model {files.model}")
            await until(pilot, lambda: "Switched to qwen2.5-vl" in shown(pilot))
            assert runtime.pid() != first
            await ask(pilot, "/regen")
            assert "2/2" in shown(pilot)
            await say(pilot, "/model demo")
            await until(pilot, lambda: "Switched to demo" in shown(pilot))
            await ask(pilot, "/regen")
            session = screen.topics.session()
            last = session.transcript()[-1]
            before = session.branches.neighbour(last.id, -1)
            assert before is not None
            assert (session.select(before)[-1].model, last.model) == ("qwen2.5-vl", "demo")
            assert not screen.query("Notice")
            await pilot.press("ctrl+q")
    finally:
        runtime.close()
    assert runtime.pid() is None
