"""What is typed, pasted and taken back in text fields, and where there is no room for them."""

from __future__ import annotations

import pytest
from textual.app import ComposeResult
from textual.events import Paste
from textual.widget import Widget
from textual.widgets import TextArea

from tests.ui.conftest import Stage, WidgetHost, ready, shown, until
from vlmtui.ui.widgets.line_input import LineInput
from vlmtui.ui.widgets.text_field import TextField

HOSTILE = "a\x1b[2J\u202eb\x07c"


class Host(WidgetHost):
    """An application around one field, which has the focus."""

    def __init__(self, field: Widget) -> None:
        super().__init__()
        self._field = field

    def compose(self) -> ComposeResult:
        yield self._field


async def test_undo_of_a_paste_that_needed_a_scrollbar() -> None:
    field = TextField()
    field.styles.height = 5
    async with Host(field).run_test() as pilot:
        pilot.app.post_message(Paste("\n".join(map(str, range(40)))))
        await until(pilot, lambda: field.show_vertical_scrollbar)
        await pilot.press("ctrl+z")
        assert field.text == ""
        assert field.cursor_location == (0, 0)
        await pilot.press("ctrl+y")
        assert field.text.endswith("39")


@pytest.mark.parametrize("field", [TextField, LineInput])
async def test_what_is_pasted_is_shown_and_not_obeyed(field: type[TextField | LineInput]) -> None:
    widget = field()
    async with Host(widget).run_test() as pilot:
        pilot.app.post_message(Paste(HOSTILE))
        await pilot.pause()
        await pilot.press("d")
        text = widget.text if isinstance(widget, TextArea) else widget.value
        assert text.startswith("a␛[2J")
        assert text.endswith("c" + "d")
        assert not set(text) & {"\x1b", "\x07", "\u202e"}


async def test_a_line_takes_all_lines_of_a_paste_as_words() -> None:
    line = LineInput()
    async with Host(line).run_test() as pilot:
        pilot.app.post_message(Paste("first line\r\nsecond line\n"))
        await until(pilot, lambda: line.value == "first line second line")


async def test_a_line_takes_the_beginning_of_an_endless_one() -> None:
    line = LineInput()
    async with Host(line).run_test() as pilot:
        pilot.app.post_message(Paste("x" * 10_000_000))
        await pilot.pause()
        assert 0 < len(line.value) <= 1000


@pytest.mark.parametrize("key", ["f1", "ctrl+p", "ctrl+f", "ctrl+o", "f2", "f3"])
async def test_a_screen_over_the_chat_survives_a_terminal_of_one_cell(
    stage: Stage, key: str
) -> None:
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(key)
        await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
        before = shown(pilot)
        for size in ((1, 1), (3, 2), (250, 1), (1, 70)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.05)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: shown(pilot).split()[:6] == before.split()[:6])
