"""Screens over the chat: what comes twice, or too late, closes them once."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.screen import Screen

from tests.ui.conftest import Stage, ready, screen_of, shown, until
from vlmtui.ui.keys.key_bindings import every_class
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.screens.dialogs.dialog import Overlying
from vlmtui.ui.screens.dialogs.too_small import TooSmallScreen

KEYS = {"ctrl+p": "palette", "f1": "help", "f3": "monitor", "ctrl+o": "picker", "f2": "models"}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("closing", ["escape", "enter"])
async def test_a_key_that_comes_twice_closes_one_screen(
    stage: Stage, key: str, closing: str
) -> None:
    async with stage.app().run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        await pilot.press(key)
        await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
        driver = pilot.app._driver
        assert driver is not None
        for _ in range(4):  # as a slow line delivers what was typed
            driver.send_message(events.Key(closing, None))
        await until(pilot, lambda: pilot.app.screen_stack[0] is chat)
        await pilot.pause()
        assert chat.is_attached


async def test_two_clicks_on_an_entry_of_the_palette_choose_it_once(stage: Stage) -> None:
    async with stage.app().run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Commands" in shown(pilot) or "/image" in shown(pilot))
        palette = pilot.app.screen
        option_list = palette.query_one("OptionList")
        driver = pilot.app._driver
        assert driver is not None
        x, y = option_list.region.x + 5, option_list.region.y + 1
        for _ in range(2):
            for kind in (events.MouseDown, events.MouseUp):
                place = (x, y, 0, 0, 1, False, False, False, x, y)
                driver.process_message(kind(None, *place))
        await until(pilot, lambda: palette not in pilot.app.screen_stack)
        await pilot.pause()
        assert screen_of(pilot).is_attached


async def test_a_dismissed_screen_under_another_goes_when_its_turn_comes(stage: Stage) -> None:
    """And the other one, here that of a terminal that is too small, stays."""
    async with stage.app().run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
        covered = pilot.app.screen
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: isinstance(pilot.app.screen, TooSmallScreen))
        covered.dismiss()
        await pilot.pause()
        assert isinstance(pilot.app.screen, TooSmallScreen)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


def test_no_screen_over_the_chat_is_without_this() -> None:
    every_class()  # imports all of them
    ours = {cls for cls in _below(Screen) if cls.__module__.startswith("vlmtui.")}
    chat = set(ChatScreen.__mro__)
    assert {cls.__name__ for cls in ours - chat if not issubclass(cls, Overlying)} == set()


def _below(cls: type) -> set[type]:
    return {found for sub in cls.__subclasses__() for found in (sub, *_below(sub))}


@pytest.mark.parametrize("key", ["f1", "ctrl+p", "f2", "ctrl+f"])
async def test_a_size_that_comes_when_a_screen_is_going_is_too_late_to_matter(
    stage: Stage, key: str
) -> None:
    async with stage.app().run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press(key)
        await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
        over = pilot.app.screen
        await over.query("*").remove()  # as Textual does it first
        over._pruning = True
        size = events.Size(90, 20)
        over.post_message(events.Resize(size, size))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert over._message_queue.empty()
        assert pilot.app._exception is None


async def test_a_click_on_what_has_just_gone_hits_nothing(stage: Stage) -> None:
    """Textual finds a removed widget until the next layout, and stumbles over it."""
    async with stage.app().run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        await chat.transcript.tell("Something", "to click on", error=False)
        await until(pilot, lambda: "to click on" in shown(pilot))
        (notice,) = chat.query("Notice")
        x, y = notice.content_region.offset
        with pilot.app.batch_update():  # no layout meanwhile
            await notice.remove()
            chat._forward_event(events.MouseDown(None, x, y, 0, 0, 1, False, False, False, x, y))
        await pilot.pause()
        assert "to click on" not in shown(pilot)


async def test_what_a_screen_left_to_do_is_not_done_once_it_has_gone(stage: Stage) -> None:
    """The screen below does it for it, and can't tell its errors from its own."""
    async with stage.app().run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        gone: Overlying[None] = Overlying()
        await pilot.app.push_screen(gone)
        await gone.dismiss(None)
        done: list[str] = []
        chat._invoke_later(lambda: done.append("of the gone"), gone)
        chat._invoke_later(lambda: done.append("its own"), chat)
        chat.refresh()
        await until(pilot, lambda: done)
        assert done == ["its own"]
