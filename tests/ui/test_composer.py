from __future__ import annotations

import pytest
from textual.app import ComposeResult
from textual.events import Paste
from textual.pilot import Pilot

from tests.ui.conftest import Stage, WidgetHost, ready, shown, until
from vlmtui.messages import ImagePart
from vlmtui.ui.widgets.composer.composer import Composer


class Host(WidgetHost):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.refused = 0

    def compose(self) -> ComposeResult:
        yield Composer()

    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        self.sent.append(event.text)
        self.query_one(Composer).decided()

    def on_composer_paste_refused(self) -> None:
        self.refused += 1


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


async def test_what_follows_refused_words_in_one_burst_stands_on_a_line_of_its_own() -> None:
    from textual.events import Key

    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        for key in ("a", "enter", "b", "c"):
            composer.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: composer.text == "a\nbc")
        await pilot.press("enter", "d")  # typed after it was refused
        assert composer.text == "a\nbcd"


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


A = ImagePart("/pictures/aa", "aa", "a.png", 64, 64)
B = ImagePart("/pictures/bb", "bb", "b.png", 64, 64)
TOKEN = "[image: a.png 64x64]"


async def with_tokens(pilot: Pilot[int]) -> Composer:
    """compare [a] with [b]"""
    composer = pilot.app.query_one(Composer)
    a, b = composer.tokens.of_image(A), composer.tokens.of_image(B)
    composer.put(f"compare {a} with {b}")
    await pilot.pause()
    return composer


async def test_the_cursor_passes_over_a_token() -> None:
    async with Host().run_test() as pilot:
        composer = await with_tokens(pilot)
        await pilot.press("left")
        assert composer.cursor_index == len(f"compare {TOKEN} with ")
        await pilot.press("right")
        assert composer.cursor_index == len(composer.text)
        await pilot.press("home", *["right"] * 8)
        assert composer.cursor_index == 8
        await pilot.press("right")
        assert composer.cursor_index == 8 + len(TOKEN)
        await pilot.press("left", "x")
        assert composer.text.startswith(f"compare x{TOKEN}")


async def test_a_token_is_deleted_as_one_and_comes_back_with_undo() -> None:
    async with Host().run_test() as pilot:
        composer = await with_tokens(pilot)
        whole = composer.text
        await pilot.press("backspace")
        assert composer.text == f"compare {TOKEN} with "
        assert composer.tokens.images(composer.text) == (A,)
        await pilot.press("home", *["right"] * 8, "delete")
        assert composer.text == "compare  with "
        await pilot.press("ctrl+z", "ctrl+z")
        assert composer.text == whole
        assert composer.tokens.images(composer.text) == (A, B)


@pytest.mark.parametrize("key", ["ctrl+w", "alt+delete"])
async def test_deleting_a_word_deletes_a_whole_token(key: str) -> None:
    async with Host().run_test() as pilot:
        composer = await with_tokens(pilot)
        await pilot.press("home", *["right"] * (9 if key == "ctrl+w" else 8), key)
        assert composer.text == "compare  with [image: b.png 64x64]"


async def test_a_click_inside_a_token_lands_beside_it() -> None:
    async with Host().run_test() as pilot:
        composer = await with_tokens(pilot)
        await pilot.click(Composer, offset=(2 + 8 + 4, 1))
        assert composer.cursor_index == 8


async def test_tokens_look_unlike_text() -> None:
    async with Host().run_test() as pilot:
        composer = await with_tokens(pilot)
        spans = composer.get_line(0).spans
        assert [(span.start, span.end) for span in spans] == [(8, 28), (34, 54)]


async def test_a_long_text_is_pasted_as_one_token() -> None:
    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        composer.post_message(Paste("line\x1b[31m\n" * 10_000))
        await pilot.pause()
        assert composer.text == "[text: 120 kB, 10,001 lines]"
        assert composer.tokens.unfold(composer.text) == "line␛[31m\n" * 10_000
        await pilot.press("backspace")
        assert composer.text == ""


async def test_a_text_that_no_model_could_read_is_refused() -> None:
    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        composer.post_message(Paste("x" * 10_000_000))
        await until(pilot, lambda: pilot.app.refused)
        assert pilot.app.refused == 1
        assert composer.text == ""


async def test_a_pasted_path_that_became_a_picture_is_text_again_after_undo() -> None:
    async with Host().run_test() as pilot:
        composer = pilot.app.query_one(Composer)
        composer.put("see ")
        composer.post_message(Paste("/tmp/a.png"))
        await until(pilot, lambda: composer.text == "see /tmp/a.png")
        await pilot.press("!", "left")
        assert composer.put_instead("/tmp/a.png", composer.tokens.of_image(A))
        assert composer.text == f"see {TOKEN}!"
        await pilot.press("ctrl+z")
        assert composer.text == "see /tmp/a.png!"


@pytest.mark.parametrize(("size", "most"), [((80, 24), 6), ((60, 15), 4)])
async def test_a_hint_is_read_to_its_end_where_there_is_room(
    stage: Stage, size: tuple[int, int], most: int
) -> None:
    place = "/srv/data/" + "folder/" * 12
    message = f"There is no space left on the disk for the chats in {place}chats.db"
    advice = f"Free some space on that disk. What you typed is kept in {place}words, and comes back"
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        screen.prompt.say(message, advice, error=True)
        await pilot.pause()
        assert screen.query_one("Hint").size.height <= most
        assert ("and comes back" in shown(pilot)) == (most == 6)
