"""Figures and actions below a message break between each other, never in themselves."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content

from tests.ui.conftest import WidgetHost, shown
from vlmtui.ui.widgets.parts import Parts

WORDS = ("4 tokens", "32.0 tok/s", "first token 0.75 s", "16 reused")


class Host(WidgetHost):
    """Hosts one line of parts."""

    def compose(self) -> ComposeResult:
        parts = Parts()
        parts.say([Content(word) for word in WORDS])
        yield parts


async def test_what_has_no_room_goes_on_whole_on_the_next_line() -> None:
    async with Host().run_test(size=(44, 6)) as pilot:
        await pilot.pause()
        assert shown(pilot).split() == " · ".join(WORDS).replace("s · 16", "s 16").split()
        assert shown(pilot).splitlines()[:2] == [
            "4 tokens · 32.0 tok/s · first token 0.75 s",
            "16 reused",
        ]
        await pilot.resize_terminal(80, 6)
        await pilot.pause()
        assert shown(pilot).splitlines()[0] == " · ".join(WORDS)


async def test_a_part_that_is_longer_than_a_line_is_wrapped() -> None:
    async with Host().run_test(size=(12, 9)) as pilot:
        await pilot.pause()
        assert shown(pilot).splitlines()[:4] == ["4 tokens", "32.0 tok/s", "first token", "0.75 s"]
