from __future__ import annotations

from textual.app import ComposeResult
from textual.events import Paste

from tests.ui.conftest import WidgetHost
from vlmtui.ui.widgets.composer import Composer


class Host(WidgetHost):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        yield Composer()

    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        self.sent.append(event.text)


async def test_enter_sends_and_the_text_stays_until_it_is_taken() -> None:
    async with Host().run_test() as pilot:
        await pilot.press("h", "i", "enter")
        assert pilot.app.sent == ["hi"]
        assert pilot.app.query_one(Composer).text == "hi"


async def test_ctrl_j_and_alt_enter_begin_a_new_line() -> None:
    async with Host().run_test() as pilot:
        await pilot.press("a", "ctrl+j", "b", "alt+enter", "c")
        assert pilot.app.query_one(Composer).text == "a\nb\nc"
        assert pilot.app.sent == []


async def test_escape_and_return_of_a_legacy_terminal_is_a_new_line() -> None:
    from textual._xterm_parser import XTermParser

    keys = [event.key for event in XTermParser().feed("\x1b\r")]
    assert keys == ["ctrl+j"]


async def test_keys_typed_in_one_burst_take_effect_in_their_order() -> None:
    """A slow line delivers several keys at once."""
    from textual.events import Key

    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        for key in ("a", "b", "backspace", "c", "left", "d", "enter", "e"):
            composer.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert pilot.app.sent == ["adc"]
        assert composer.text == "adec"


async def test_a_paste_can_not_bring_control_characters() -> None:
    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        composer.post_message(Paste("one\r\ntwo\x1b[31m\x07"))
        await pilot.pause()
        assert composer.text == "one\ntwo␛[31m␇"
        assert pilot.app.sent == []


async def test_it_grows_with_its_text_up_to_a_bound() -> None:
    async with Host().run_test(size=(40, 24)) as pilot:
        composer = pilot.app.query_one(Composer)
        assert composer.size.height == 1
        composer.put("\n".join("abc"))
        await pilot.pause()
        assert composer.size.height == 3
        composer.put("\n" * 50)
        await pilot.pause()
        assert composer.outer_size.height == 10


async def test_wide_characters_are_edited_whole() -> None:
    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        composer.put("日本")
        await pilot.press("backspace", "語")
        assert composer.text == "日語"
        assert composer.cursor_index == 2
