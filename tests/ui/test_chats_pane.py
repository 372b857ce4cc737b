"""The list of chats: of any length, filtered, opened, put in order."""

from __future__ import annotations

import time

import pytest
from textual.pilot import Pilot

from tests.fakes import Gate, answer
from tests.ui.conftest import Stage, answered, ask, ready, say, screen_of, shown, type_text, until
from vlmtui.messages import assistant, user
from vlmtui.storage.records import Chat
from vlmtui.ui.screens.chat import elsewhere_topic
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.widgets.composer.composer import Composer
from vlmtui.ui.widgets.heading import Heading
from vlmtui.ui.widgets.panes.chat_rows import ChatRows
from vlmtui.ui.widgets.panes.chats_pane import PAGE, ChatsPane

WIDE = (150, 40)
NARROW = (80, 24)
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW, (60, 15)])


def seed(stage: Stage, *titles: str) -> list[Chat]:
    """Chats with a question and an answer each; the last one is the newest."""
    chats = []
    for title in titles:
        chat, question = stage.store.start(title, user(f"Question about {title}"))
        stage.store.add(chat.id, question.id, assistant(f"Answer about {title}"), "fake")
        chats.append(chat)
    return chats


def rows_of(pilot: Pilot[int]) -> ChatRows:
    return screen_of(pilot).query_one(ChatRows)


def titles(pilot: Pilot[int]) -> list[str]:
    return [row.chat.title for row in rows_of(pilot).rows]


async def open_list(pilot: Pilot[int]) -> ChatRows:
    await ready(pilot)
    await pilot.press("f4")
    await until(pilot, lambda: rows_of(pilot).has_focus and count(pilot))
    return rows_of(pilot)


def count(pilot: Pilot[int]) -> str:
    """What the heading says, once the list was read."""
    return screen_of(pilot).query_one("ChatsPane Heading", Heading).note


async def test_the_list_is_read_also_where_textual_counts_it_as_shown_before_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere_topic, "LOOK_SECONDS", 600.0)  # it would read it again, too
    seed(stage, "One")
    async with stage.app().run_test(size=NARROW) as pilot:
        await ready(pilot)
        lay_out = ChatScreen._refresh_layout

        def look_first(screen: ChatScreen, *arguments: object, **more: object) -> None:
            screen._compositor._full_map_invalidated = True  # as when something was scrolled
            assert screen._compositor.full_map
            lay_out(screen, *arguments, **more)

        monkeypatch.setattr(ChatScreen, "_refresh_layout", look_first)
        await pilot.press("f4")
        await until(pilot, lambda: titles(pilot) == ["One"])


@SIZES
async def test_a_chat_is_chosen_from_the_list_and_opened(
    stage: Stage, size: tuple[int, int]
) -> None:
    seed(stage, "apples", "pears", "plums")
    async with stage.app().run_test(size=size) as pilot:
        screen = screen_of(pilot)
        await open_list(pilot)
        assert titles(pilot) == ["plums", "pears", "apples"]
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Answer about pears" in shown(pilot))
        assert isinstance(screen.focused, Composer)
        assert screen.query_one(ChatsPane).display == (size == WIDE)
        await ask(pilot, "and then?")
        assert screen.chat is not None
        assert screen.chat.title == "pears"
    assert [m.message.text for m in stage.store.thread(screen.chat.id)][-2:] == [
        "and then?",
        "Yes.",
    ]


async def test_each_chat_keeps_what_was_being_written_in_it(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await open_list(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "Answer about pears" in shown(pilot))
        await type_text(pilot, "half a question")
        await pilot.press("f4", "down", "enter")
        await until(pilot, lambda: "Answer about apples" in shown(pilot))
        assert screen.prompt.text == ""
        await pilot.press("f4", "up", "enter")
        await until(pilot, lambda: screen.prompt.text == "half a question")


async def test_an_answer_on_its_way_is_not_cut_off_by_opening_another_chat(stage: Stage) -> None:
    seed(stage, "apples")
    gate = Gate()
    stage.engine.script(*answer("A red"), gate, *answer(" circle."))
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await say(pilot, "What is it?")
        gate.wait_reached()
        await pilot.press("f4")
        await until(pilot, lambda: rows_of(pilot).has_focus and len(titles(pilot)) == 2)
        await pilot.press("end", "enter")
        await until(pilot, lambda: "An answer is on its way" in shown(pilot))
        gate.open()
        await answered(pilot)
        assert screen.chat is not None
        assert screen.chat.title == "What is it?"
        assert "A red circle." in shown(pilot)


@SIZES
async def test_the_title_is_typed_over_where_it_stands(stage: Stage, size: tuple[int, int]) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=size) as pilot:
        screen = screen_of(pilot)
        await open_list(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.chat is not None)
        await pilot.press("f4", "r")
        line = screen.query_one("#chats-rename")
        await until(pilot, lambda: line.has_focus and line.region)
        assert line.region.y == rows_of(pilot).region.y + 1
        await pilot.press("end", "!", "enter")
        await until(pilot, lambda: titles(pilot) == ["pears!", "apples"])
        assert screen.chat is not None
        assert screen.chat.title == "pears!"
        assert rows_of(pilot).has_focus
        await pilot.press("r", "x", "escape")
        await until(pilot, lambda: not screen.query("#chats-rename"))
        await pilot.press("p")
        await until(pilot, lambda: rows_of(pilot).rows[0].chat.pinned)
        assert rows_of(pilot).has_focus


async def test_a_deleted_chat_comes_back(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        await open_list(pilot)
        await pilot.press("d")
        await until(pilot, lambda: titles(pilot) == ["apples"])
        assert "Deleted “pears”" in shown(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "No chats yet" in shown(pilot))
        await pilot.press("u")
        await until(pilot, lambda: titles(pilot) == ["apples"])
        await pilot.press("u")
        await until(pilot, lambda: titles(pilot) == ["pears", "apples"])


async def test_deleting_the_open_chat_leaves_an_empty_one(stage: Stage) -> None:
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await ask(pilot, "What is it?")
        await open_list(pilot)
        await pilot.press("d")
        await until(pilot, lambda: screen.chat is None and not titles(pilot))
        await until(pilot, lambda: "attaches a picture" in shown(pilot))
        await pilot.press("u")
        await until(pilot, lambda: titles(pilot) == ["What is it?"])


async def test_pinned_chats_stand_above_the_others(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        await open_list(pilot)
        await pilot.press("end", "p")
        await until(pilot, lambda: titles(pilot) == ["apples", "pears"])
        assert "Pinned" in shown(pilot)
        await pilot.press("p")
        await until(pilot, lambda: titles(pilot) == ["pears", "apples"])


async def test_a_chat_is_copied(stage: Stage) -> None:
    seed(stage, "apples")
    async with stage.app().run_test(size=WIDE) as pilot:
        await open_list(pilot)
        await pilot.press("c")
        await until(pilot, lambda: titles(pilot) == ["apples (copy)", "apples"])


async def test_a_chat_is_exported_into_the_working_directory(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        await open_list(pilot)
        await pilot.press("down", "x")
        await until(pilot, lambda: "Saved as" in shown(pilot))
        (path,) = stage.folder.glob("*.md")
        assert "Answer about apples" in path.read_text()


async def test_typing_filters_and_escape_shows_all_again(stage: Stage) -> None:
    seed(stage, "apples", "Äpfel", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        await open_list(pilot)
        await pilot.press("slash", *"apf")
        await until(pilot, lambda: titles(pilot) == ["Äpfel"])
        await pilot.press(*"xx")
        await until(pilot, lambda: "No title has “apfxx” in it" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: len(titles(pilot)) == 3)
        assert rows_of(pilot).has_focus
        await pilot.press("slash", *"pears", "enter", "enter")
        await until(pilot, lambda: "Answer about pears" in shown(pilot))


async def test_an_empty_list_says_how_chats_come_into_it(stage: Stage) -> None:
    async with stage.app().run_test(size=NARROW) as pilot:
        await ready(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "No chats yet" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "No chats yet" not in shown(pilot))


async def test_titles_are_shown_as_text(stage: Stage) -> None:
    seed(stage, "[red]x[/red] \x1b[31m", "‮evil\x9b", "a\nb" * 500)
    async with stage.app().run_test(size=WIDE) as pilot:
        await open_list(pilot)
        text = shown(pilot)
        assert "[red]x[/red] ␛[31m" in text
        assert "‹202E›evil�" in text
        assert all(c.isprintable() for c in text.replace("\n", ""))


async def test_of_ten_thousand_chats_only_those_near_the_view_are_read(stage: Stage) -> None:
    now = time.time()
    with stage.database.write() as connection:
        connection.executemany(
            "INSERT INTO chats (id, title, created, updated) VALUES (?, ?, ?, ?)",
            [(n, f"chat {n}", now, now - 9 * (10_000 - n)) for n in range(1, 10_001)],
        )
        connection.executemany(
            "INSERT INTO messages (id, chat_id, role, text, status, created)"
            " VALUES (?, ?, 'user', 'hello', 'complete', ?)",
            [(n, n, now) for n in range(1, 10_001)],
        )
        connection.execute("UPDATE chats SET leaf_id = id, last_id = id")
    async with stage.app().run_test(size=WIDE) as pilot:
        rows = await open_list(pilot)
        assert len(rows.rows) == PAGE
        assert titles(pilot)[0] == "chat 10000"
        assert len(list(screen_of(pilot).walk_children())) < 80
        for _ in range(3):
            await pilot.press("end")
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
        await until(pilot, lambda: len(rows.rows) == 4 * PAGE)
        assert len(set(titles(pilot))) == 4 * PAGE
        await pilot.press("slash", *"chat 77")
        await until(pilot, lambda: "chat 7799" in titles(pilot) and len(titles(pilot)) < PAGE)


async def test_the_list_follows_the_answers(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await open_list(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Answer about apples" in shown(pilot))
        await ask(pilot, "more?")
        await until(pilot, lambda: titles(pilot) == ["apples", "pears"])
        assert rows_of(pilot).current == screen.chat.id


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/rename", "/rename needs a title"),
        ("/rename   ", "/rename needs a title"),
        ("/pin", "There is nothing in this chat yet"),
        ("/trash", "There is nothing in this chat yet"),
        ("/open nothing like it", "No chat has “nothing like it” in its title"),
    ],
)
async def test_commands_say_what_they_lack(stage: Stage, typed: str, told: str) -> None:
    async with stage.app().run_test(size=WIDE) as pilot:
        await ready(pilot)
        await say(pilot, typed)
        await until(pilot, lambda: told in shown(pilot))


async def test_commands_act_on_the_open_chat(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = screen_of(pilot)
        await ready(pilot)
        await say(pilot, "/open APPLE")
        await until(pilot, lambda: "Answer about apples" in shown(pilot))
        await say(pilot, "/rename Fruit of the tree")
        await until(pilot, lambda: screen.chat and screen.chat.title == "Fruit of the tree")
        await say(pilot, "/pin")
        await until(pilot, lambda: stage.store.listing.rows()[0].chat.pinned)
        await say(pilot, "/duplicate")
        await until(pilot, lambda: screen.chat and screen.chat.title == "Fruit of the tree (copy)")
        await until(pilot, lambda: "This is the copy of" in shown(pilot))
        assert "Answer about apples" in shown(pilot)
        await say(pilot, "/trash")
        await until(pilot, lambda: screen.chat is None)
        await say(pilot, "/chats")
        await until(pilot, lambda: rows_of(pilot).has_focus)


async def test_a_chat_has_its_new_title_wherever_it_is_named_afterwards(stage: Stage) -> None:
    stage.engine.script(*answer("Yes."), *answer("No."))
    async with stage.app().run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "Apples?")
        await say(pilot, "/rename Fruit of the tree")
        await until(pilot, lambda: "Renamed to “Fruit of the tree”" in shown(pilot))
        await say(pilot, "/pin")
        await until(pilot, lambda: "Pinned “Fruit of the tree”" in shown(pilot))
        await say(pilot, "Pears?")
        await until(pilot, lambda: "No." in shown(pilot) and not screen.topics.busy)
        assert screen.chat is not None
        assert screen.chat.title == "Fruit of the tree"
        assert screen.chat.pinned


async def test_the_command_filters_the_list_by_the_title_that_it_is_given(stage: Stage) -> None:
    seed(stage, "apples", "pears")
    async with stage.app().run_test(size=WIDE) as pilot:
        await ready(pilot)
        await say(pilot, "/chats app")
        await until(pilot, lambda: titles(pilot) == ["apples"])
        assert rows_of(pilot).has_focus
