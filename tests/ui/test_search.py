"""Search in all chats: found while one types, marked, and gone to."""

from __future__ import annotations

import threading

import pytest
from textual.pilot import Pilot

from tests.fakes import Gate, answer
from tests.ui.conftest import Stage, answered, ask, ready, say, screen_of, shown, type_text, until
from vlmtui.commands import chat_commands
from vlmtui.errors import StorageError
from vlmtui.messages import assistant, user
from vlmtui.storage.records import Chat, Found
from vlmtui.ui.screens.search_screen import SearchScreen, option
from vlmtui.ui.widgets.composer.composer import Composer

WIDE = (120, 36)
NARROW = (80, 24)
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW, (60, 15)])


def seed(stage: Stage, title: str, *texts: str) -> list[int]:
    """A chat of questions and answers in turn; returns the ids of its messages."""
    chat, stored = stage.store.start(title, user(texts[0]))
    ids = [stored.id]
    for number, text in enumerate(texts[1:], start=1):
        message = assistant(text) if number % 2 else user(text)
        ids.append(stage.store.add(chat.id, ids[-1], message, "fake").id)
    return ids


def search_of(pilot: Pilot[int]) -> SearchScreen:
    screen = pilot.app.screen
    assert isinstance(screen, SearchScreen)
    return screen


async def search(pilot: Pilot[int], text: str) -> SearchScreen:
    await ready(pilot)
    await pilot.press("ctrl+f")
    await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
    await type_text(pilot, text)
    return search_of(pilot)


@SIZES
async def test_words_are_found_while_they_are_typed_and_the_chat_opens_there(
    stage: Stage, size: tuple[int, int]
) -> None:
    seed(stage, "fruit", "What grows here?", "Apples and quinces.", "More?", "Only these.")
    seed(stage, "tools", "What is this?", "A hammer.")
    async with stage.app().run_test(size=size) as pilot:
        screen = screen_of(pilot)
        found = await search(pilot, "quin")
        await until(pilot, lambda: found.row is not None)
        assert "Apples and quinces." in shown(pilot)
        assert "fruit" in shown(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.chat is not None and "quinces" in shown(pilot))
        assert screen.chat is not None
        assert screen.chat.title == "fruit"
        entry = screen.transcript.entry(stage.store.thread(screen.chat.id)[1].id)
        assert entry is not None
        assert list(entry.words) == ["quinces"]
        assert isinstance(screen.focused, Composer)


async def test_a_hit_on_another_branch_opens_that_branch(stage: Stage) -> None:
    question, first = seed(stage, "fruit", "What grows here?", "Quinces.")
    chat = stage.store.latest()
    assert chat is not None
    stage.store.add(chat.id, question, assistant("Apples."), "fake")
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        found = await search(pilot, "quinces")
        await until(pilot, lambda: found.row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: screen.chat is not None and "Quinces." in shown(pilot))
        assert screen.transcript.entry(first) is not None
        assert "Apples." not in shown(pilot)


async def test_the_message_around_the_hit_is_shown_beside_it(stage: Stage) -> None:
    long = "nothing " * 3_000
    seed(stage, "fruit", "What grows here?", f"{long} quinces {long}")
    async with stage.app().run_test(size=WIDE) as pilot:
        found = await search(pilot, "quinces")
        await until(pilot, lambda: "What grows here?" in shown(pilot))
        preview = found.query_one(".details")
        assert preview.display
        assert preview.virtual_size.height < 300
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: not preview.display)


def test_the_found_word_is_seen_at_every_width() -> None:
    chat = Chat(1, "a chat", 0.0, 0.0, None)
    for before in ("nothing " * 40, "一" * 40, "é" * 40):
        for begin in range(0, len(before), 3):
            excerpt = f"{before[:begin]} quinces {before}"
            hit = Found(chat, 1, excerpt, ((begin + 1, begin + 8),), in_title=False)
            for width in (16, 40, 57, 77):
                assert "quinces" in option(hit, width, here=True).plain, (begin, width)


async def test_the_hits_of_the_last_text_are_shown_and_none_for_nothing(stage: Stage) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    async with stage.app().run_test(size=WIDE) as pilot:
        found = await search(pilot, "app")
        await until(pilot, lambda: found.row is not None)
        await type_text(pilot, "zzz")
        await until(pilot, lambda: "No message has words that start like this" in shown(pilot))
        assert found.row is None
        await pilot.press("enter")
        assert pilot.app.screen is found
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        assert isinstance(screen_of(pilot).focused, Composer)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
        assert search_of(pilot).line.value == "appzzz"


async def test_the_command_searches_at_once_and_a_title_opens_its_chat(stage: Stage) -> None:
    seed(stage, "Winter fruit", "What grows here?", "Apples.")
    async with stage.app().run_test(size=NARROW) as pilot:
        await ready(pilot)
        await say(pilot, "/search winter")
        await until(pilot, lambda: "in the title" in shown(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: screen_of(pilot).chat is not None)
        assert "Apples." in shown(pilot)


async def test_a_slash_at_the_messages_searches_this_chat_alone(stage: Stage) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    seed(stage, "pie", "What is in it?", "Apples, and sugar.")
    async with stage.app(continue_last=True).run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "sugar" in shown(pilot))
        await pilot.press("alt+up", "slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
        assert "Search in this chat" in shown(pilot)
        await type_text(pilot, "apples")
        found = search_of(pilot)
        await until(pilot, lambda: found.row is not None)
        assert [hit.chat.title for hit in found.rows] == ["pie"]
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        await until(pilot, lambda: "sugar" in shown(pilot))


async def test_n_goes_through_the_matches_in_this_chat_until_escape(stage: Stage) -> None:
    seed(stage, "pie", "Apples or pears?", "Apples, and sugar.")
    async with stage.app(continue_last=True).run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "sugar" in shown(pilot))
        transcript = screen_of(pilot).transcript
        question, answer = (entry.stored.id for entry in transcript.messages())
        await pilot.press("alt+up", "slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
        await type_text(pilot, "apples")
        found = search_of(pilot)
        await until(pilot, lambda: len(found.rows) == 2)
        chosen = found.row
        assert chosen is not None
        other = answer if chosen.message_id == question else question
        await pilot.press("enter")
        await until(pilot, lambda: transcript.cursor == chosen.message_id and transcript.browsing)
        await until(pilot, lambda: " of 2" in shown(pilot))
        for key, expected in (("n", other), ("n", chosen.message_id), ("N", other)):
            await pilot.press(key)
            await until(pilot, lambda wanted=expected: transcript.cursor == wanted)
        await pilot.press("escape")
        await until(pilot, lambda: " of 2" not in shown(pilot))
        assert transcript.browsing
        await pilot.press("escape")
        await until(pilot, lambda: not transcript.browsing)


@pytest.mark.parametrize(
    ("down", "up"), [("down", "up"), ("ctrl+n", "ctrl+p"), ("ctrl+j", "ctrl+k")]
)
async def test_keys_of_readline_and_fzf_move_in_a_list(stage: Stage, down: str, up: str) -> None:
    for title in ("fruit", "pie"):
        seed(stage, title, "What grows here?", "Apples.")
    async with stage.app().run_test(size=WIDE) as pilot:
        found = await search(pilot, "apples")
        await until(pilot, lambda: len(found.rows) == 2)
        first = found.row
        await pilot.press(down)
        assert found.row != first
        await pilot.press(up)
        assert found.row == first
        assert found.line.value == "apples"


async def test_while_an_answer_is_on_its_way_the_chat_stays(stage: Stage) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    gate = Gate()
    stage.engine.script(*answer("A red"), gate)
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await say(pilot, "What is it?")
        gate.wait_reached()
        await pilot.press("ctrl+f", *"apples")
        await until(pilot, lambda: search_of(pilot).row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: "An answer is on its way" in shown(pilot))
        assert screen.chat is not None
        assert screen.chat.title == "What is it?"
        gate.open()
        await answered(pilot)


async def test_what_was_found_is_shown_as_text(stage: Stage) -> None:
    seed(stage, "[red]x[/red] \x1b[31m", "What\x07 \x9b2J grows ‮here?", "[b]Apples[/b]\x1b]0;x\x07")
    async with stage.app().run_test(size=WIDE) as pilot:
        found = await search(pilot, "apples")
        await until(pilot, lambda: found.row is not None and "grows" in shown(pilot))
        text = shown(pilot)
        assert "[b]Apples[/b]␛]0;x␇" in text
        assert all(c.isprintable() for c in text.replace("\n", ""))


async def test_a_database_that_can_not_be_read_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("chats.db is locked", "Close the other program")

    monkeypatch.setattr(stage.store.listing, "search", fail)
    async with stage.app().run_test(size=NARROW) as pilot:
        await search(pilot, "apples")
        await until(pilot, lambda: "chats.db is locked. Close the other program" in shown(pilot))


async def test_the_newest_of_two_deletions_is_undone_first(stage: Stage) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    async with stage.app(continue_last=True).run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await ask(pilot, "more")
        await say(pilot, "/delete")
        await until(pilot, lambda: "more" not in shown(pilot))
        await say(pilot, "/trash")
        await until(pilot, lambda: screen.chat is None and "Deleted “fruit”" in shown(pilot))
        await say(pilot, "/undo")
        await until(pilot, lambda: stage.store.listing.rows())
        await say(pilot, "/open fruit")
        await until(pilot, lambda: "Apples." in shown(pilot))
        assert "more" not in shown(pilot)
        await say(pilot, "/undo")
        await until(pilot, lambda: "more" in shown(pilot))


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Chats are slow to open until this is set."""
    hurry = threading.Event()
    really = chat_commands.open_chat

    def slowly(*arguments: object, **more: object) -> object:
        assert hurry.wait(60)
        return really(*arguments, **more)

    monkeypatch.setattr(chat_commands, "open_chat", slowly)
    return hurry


async def test_what_is_undone_twice_in_a_hurry_is_undone_in_order(
    stage: Stage, hurry: threading.Event
) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    async with stage.app(continue_last=True).run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await ask(pilot, "more")
        await say(pilot, "/delete")
        await until(pilot, lambda: "more" not in shown(pilot))
        await say(pilot, "/trash")
        await until(pilot, lambda: screen.chat is None and "Deleted “fruit”" in shown(pilot))
        await say(pilot, "/undo")
        await until(pilot, lambda: stage.store.listing.rows())
        await say(pilot, "/undo")
        hurry.set()
        await until(pilot, lambda: "Restored the message" in shown(pilot))
        assert screen.chat is not None
        assert screen.chat.title == "fruit"
        assert "more" in shown(pilot)


async def test_a_question_behind_a_command_that_opens_a_chat_is_asked_there(
    stage: Stage, hurry: threading.Event
) -> None:
    seed(stage, "fruit", "What grows here?", "Apples.")
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await say(pilot, "/pin")
        await say(pilot, "/open fruit")
        await say(pilot, "more")
        hurry.set()
        await until(pilot, lambda: "Yes." in shown(pilot))
        assert screen.chat is not None
        assert screen.chat.title == "fruit"
        assert "Apples." in shown(pilot)
        assert [row.chat.title for row in stage.store.listing.rows()] == ["fruit"]
