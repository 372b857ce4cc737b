from __future__ import annotations

import msgspec
import pytest

from tests.fakes import Gate, answer
from tests.ui.conftest import SNAPSHOT, Stage, answered, ask, ready, say, shown, until
from vlmtui.engine.engine_events import Delta, Encoded, Trimmed
from vlmtui.terminal import overlay
from vlmtui.ui.widgets.pictures.picture_widget import Picture

SIZE = (90, 40)


async def test_a_picture_tells_its_cost_while_the_answer_is_on_its_way(stage: Stage) -> None:
    gate = Gate()
    stage.picture("a.png", (400, 300))
    stage.engine.script(Encoded(0, 256, 1.5, reused=False), Delta("A", 1), gate, *answer("A b."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "@a.png What?")
        await until(pilot, lambda: "256 tokens · 1.50 s" in shown(pilot))
        gate.open()
        await answered(pilot)

        stage.engine.script(Encoded(0, 256, 0.0, reused=True), *answer("Yes."))
        await ask(pilot, "And now?")
        assert "256 tokens · 1.50 s · in cache" in shown(pilot)

    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "256 tokens · 1.50 s · in cache" in shown(pilot))


async def test_a_picture_that_left_the_context_is_named_and_marked(stage: Stage) -> None:
    for name in ("a[1].png", "b.png"):
        stage.picture(name, (400, 300 if name == "b.png" else 200))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        for name in ("a[1].png", "b.png"):
            stage.engine.script(Encoded(0, 256, 1.5, reused=False), *answer("Yes."))
            await ask(pilot, f"@{name} What?")
        stage.engine.script(
            Trimmed(dropped=2, images=1), Encoded(1, 256, 0.0, reused=True), *answer("Fine.")
        )
        await ask(pilot, "And now?")
        text = " ".join(shown(pilot).replace("▌", "").split())
        assert "the 2 oldest messages, with 1 picture (a[1].png), are no longer seen" in text
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "a[1].png 400×200" in " ".join(shown(pilot).split()))
        assert shown(pilot).count("no longer seen by the model") == 1


async def test_figures_that_change_redraw_no_picture(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.picture("a.png", (400, 300))
    stage.engine.script(*answer("Yes."))
    async with stage.app().run_test(size=(130, 40)) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "@a.png What?")
        await until(pilot, lambda: "▄" in shown(pilot))
        screen.snapshot = SNAPSHOT  # the first one needs room for its rows
        await until(pilot, lambda: "312 MB" in shown(pilot))
        pictures = [picture.region for picture in screen.query(Picture)]
        assert len(pictures) == 2
        updates: list[object] = []
        monkeypatch.setattr(pilot.app, "_display", lambda _, update: updates.append(update))
        screen.snapshot = msgspec.structs.replace(SNAPSHOT, engine_rss_bytes=313_000_000)
        screen.engine_state = msgspec.structs.replace(screen.engine_state, generated=4321)
        await until(pilot, lambda: "313 MB" in shown(pilot) and "4,321" in shown(pilot))
        assert updates
        assert not any(overlay._touches(update, at) for update in updates for at in pictures)


async def test_what_could_not_be_asked_leaves_the_stats_of_the_last_answer(stage: Stage) -> None:
    stage.engine.script(*answer("Yes."))
    async with stage.app().run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await ask(pilot, "Is it?")
        strip = shown(pilot).splitlines()[-1]
        assert "32.0 tok/s" in strip
        await say(pilot, "And @missing.png?")
        await until(pilot, lambda: "There is no file missing.png" in shown(pilot))
        await until(pilot, lambda: "32.0 tok/s" in shown(pilot).splitlines()[-1])
        assert "ready" in shown(pilot).splitlines()[-1]
