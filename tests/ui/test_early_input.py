"""What is typed before there is anything to type into."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import TextArea

from tests.ui.conftest import until
from vlmtui.terminal.early_input import EarlyInput


class Host(EarlyInput):
    """Is typed into while it starts; then its text area gets the focus."""

    AUTO_FOCUS = None

    def compose(self) -> ComposeResult:
        yield TextArea()

    def on_mount(self) -> None:
        self.post_message(events.Key("a", "a"))
        self.post_message(events.Paste(" pasted "))
        self.post_message(events.Key("b", "b"))
        self.call_later(self.query_one(TextArea).focus)
        self.post_message(events.Key("c", "c"))


async def test_what_was_typed_too_early_is_typed_in_its_order_when_that_is_possible() -> None:
    async with Host().run_test() as pilot:
        area = pilot.app.query_one(TextArea)
        await until(pilot, lambda: "c" in area.text)
        assert area.text == "a pasted bc"
        await pilot.press("d")
        assert area.text == "a pasted bcd"
