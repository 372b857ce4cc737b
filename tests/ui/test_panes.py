"""Panes beside the transcript and over it: shown, hidden, moved, remembered."""

from __future__ import annotations

import random

import pytest
from textual import events
from textual.pilot import Pilot

from tests.fakes import Gate, answer
from tests.ui.conftest import Stage, answered, ask, ready, say, screen_of, shown, type_text, until
from vlmtui.ui.remembered import Memory
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.screens.dialogs.too_small import TooSmallScreen
from vlmtui.ui.widgets.composer.composer import Composer
from vlmtui.ui.widgets.panes.divider import Divider
from vlmtui.ui.widgets.panes.side_pane import SidePane

WIDE = (120, 36)
NARROW = (80, 24)


def side_of(pilot: Pilot[int]) -> SidePane:
    return screen_of(pilot).query_one(SidePane)


async def test_the_figures_are_hidden_and_shown_by_key(stage: Stage) -> None:
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        before = screen.transcript.size.width
        await pilot.press("f5")
        await until(pilot, lambda: not side_of(pilot).display)
        assert screen.transcript.size.width > before
        assert not any(divider.display for divider in screen.query(Divider).filter(".side"))
        await pilot.press("f5")
        await until(pilot, lambda: screen.transcript.size.width == before)


@pytest.mark.parametrize(("key", "pane"), [("f4", "ChatsPane"), ("f5", "SidePane")])
async def test_a_key_that_comes_before_the_panes_shows_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, key: str, pane: str
) -> None:
    mounted = ChatScreen.on_mount

    def on_mount(screen: ChatScreen) -> None:
        mounted(screen)
        screen.app.post_message(events.Key(key, None))

    monkeypatch.setattr(ChatScreen, "on_mount", on_mount)
    async with stage.app().run_test(size=NARROW) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.query_one(pane).has_focus_within)


async def test_without_room_the_figures_lie_over_the_transcript(stage: Stage) -> None:
    async with stage.app().run_test(size=NARROW) as pilot:
        screen = await ready(pilot)
        assert not side_of(pilot).display
        before = screen.transcript.region
        await pilot.press("f5")
        await until(pilot, lambda: side_of(pilot).display)
        assert screen.transcript.region == before
        assert side_of(pilot).region.right == NARROW[0]
        assert screen.focused is side_of(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not side_of(pilot).display)
        assert isinstance(screen.focused, Composer)


async def test_escape_closes_the_drawer_before_it_stops_the_answer(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(*answer("A"), gate)
    async with stage.app().run_test(size=NARROW) as pilot:
        await ready(pilot)
        await say(pilot, "go")
        gate.wait_reached()
        await pilot.press("f5")
        await until(pilot, lambda: side_of(pilot).display)
        await pilot.press("escape")
        await until(pilot, lambda: not side_of(pilot).display)
        assert stage.engine.cancels == 0
        gate.open()
        await answered(pilot)


async def test_a_drawer_that_is_left_goes_away(stage: Stage) -> None:
    async with stage.app().run_test(size=NARROW) as pilot:
        screen = await ready(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: side_of(pilot).display)
        await pilot.click(Composer, offset=(5, 1))
        await until(pilot, lambda: not side_of(pilot).display)
        assert isinstance(screen.focused, Composer)


async def test_a_drawer_becomes_a_pane_when_the_terminal_grows(stage: Stage) -> None:
    async with stage.app().run_test(size=NARROW) as pilot:
        screen = await ready(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: side_of(pilot).display)
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: not side_of(pilot).has_class("-over"))
        assert screen.transcript.region.right < side_of(pilot).region.x
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: not side_of(pilot).display)


async def test_the_divider_is_dragged_with_the_mouse(stage: Stage) -> None:
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        divider = screen.query_one("Divider.side", Divider)
        column = divider.region.x
        await pilot.mouse_down(divider, offset=(0, 5))
        await pilot.hover(screen, offset=(column - 7, 5))
        await pilot.mouse_up(screen, offset=(column - 7, 5))
        await until(pilot, lambda: divider.region.x == column - 7)
        assert screen.memory.value.side_width == 45
        await pilot.hover(screen, offset=(column, 5))
        await pilot.pause()
        assert divider.region.x == column - 7


async def test_the_divider_is_moved_by_key_and_never_squeezes_the_transcript(stage: Stage) -> None:
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await pilot.press("f6")
        assert screen.focused is side_of(pilot)
        before = side_of(pilot).size.width
        await pilot.press("<")
        await until(pilot, lambda: side_of(pilot).size.width == before + 2)
        await pilot.press(*[">"] * 2)
        await until(pilot, lambda: side_of(pilot).size.width == before - 2)
        await pilot.press(*["<"] * 60)
        await pilot.pause()
        assert screen.transcript.size.width >= 40
        await pilot.press(*[">"] * 60)
        await pilot.pause()
        assert side_of(pilot).size.width >= 20


async def test_how_the_screen_was_left_comes_back(stage: Stage) -> None:
    path = stage.folder / "screen.json"
    app = stage.app(memory=Memory(path))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("f6", "<", "<", "<")
        await pilot.press("ctrl+q")
    async with stage.app(memory=Memory(path)).run_test(size=WIDE) as pilot:
        await ready(pilot)
        assert side_of(pilot).region.width == 44
        await pilot.press("f5", "ctrl+q")
    async with stage.app(memory=Memory(path)).run_test(size=WIDE) as pilot:
        await ready(pilot)
        assert not side_of(pilot).display


async def test_a_very_wide_terminal_shows_all_three_panes_from_the_start(stage: Stage) -> None:
    async with stage.app(memory=Memory()).run_test(size=(160, 48)) as pilot:
        screen = await ready(pilot)
        panes = [screen.query_one(f".pane.{name}") for name in ("chats", "side")]
        assert all(pane.display for pane in panes)
        assert panes[0].region.right < screen.transcript.region.x
        assert screen.transcript.region.right < panes[1].region.x
        assert isinstance(screen.focused, Composer)


async def test_the_title_of_the_chat_stands_above_it_as_text(stage: Stage) -> None:
    async with stage.app().run_test(size=WIDE) as pilot:
        await ready(pilot)
        assert shown(pilot).splitlines()[0].startswith(" New chat ──")
        await ask(pilot, "[red]Red[/red] \x1b]0;owned\x07 ‮or green?")
        assert "[red]Red[/red]" in shown(pilot).splitlines()[0]
        assert "\x1b" not in shown(pilot)
        await pilot.resize_terminal(60, 15)
        await until(pilot, lambda: "──" not in shown(pilot).splitlines()[0])


async def test_a_terminal_that_is_too_small_says_so_until_it_grows(stage: Stage) -> None:
    async with stage.app().run_test(size=NARROW) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "half a question"
        for size in ((39, 24), (80, 9), (7, 3), (1, 1)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: isinstance(pilot.app.screen, TooSmallScreen))
        await pilot.resize_terminal(39, 9)
        await until(pilot, lambda: "39×9 here, 40×10 needed" in shown(pilot))
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.prompt.text == "half a question"
        assert "half a question" in shown(pilot)


async def test_a_storm_of_sizes_ends_in_the_last_one_with_the_answer_whole(stage: Stage) -> None:
    sizes = random.Random(3)
    gate = Gate()
    words = [f"word{number} " for number in range(60)]
    stage.engine.script(*answer(*words[:30]), gate, *answer(*words[30:]))
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        gate.wait_reached()
        for number in range(60):
            size = (sizes.randint(1, 170), sizes.randint(1, 50))
            await pilot.resize_terminal(*size)
            if number == 20:
                gate.open()
            if number % 9 == 0:
                await pilot.press("f5")
        await pilot.resize_terminal(100, 40)
        await answered(pilot)
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: "word59" in shown(pilot))
        for widget in screen.query("Prompt, StatusStrip, SidePane, Transcript"):
            assert not widget.display or screen.region.contains_region(widget.region)


@pytest.mark.parametrize("size", [(40, 10), (60, 15), NARROW, (99, 30), (100, 30), WIDE])
async def test_nothing_overlaps(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        parts = [w for w in screen.query("#title, Transcript, Prompt, Divider, SidePane") if w.size]
        parts += list(screen.query("StatusStrip"))
        for one in parts:
            assert screen.region.contains_region(one.region)
            for other in parts:
                assert one is other or not one.region.overlaps(other.region)


async def test_completions_survive_a_terminal_that_is_made_tiny_at_once(stage: Stage) -> None:
    stage.picture()
    memory = Memory()
    memory.change(chats=True, side=True)
    async with stage.app(memory=memory).run_test(size=(250, 70)) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "@")
        await until(pilot, lambda: screen.prompt.completion.list.candidates)
        for size in ((20, 5), (250, 70), (60, 15), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert screen.prompt.text == "@"
