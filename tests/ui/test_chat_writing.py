"""Writing a message on the chat screen: pasting, choosing pictures, what was asked before."""

from __future__ import annotations

import getpass
import threading

import pytest
from textual.events import Key, Paste

from tests.ui.conftest import Stage, answered, ask, ready, say, shown, type_text, until
from vlmtui.ui.screens.picture_picker import PickerScreen
from vlmtui.ui.widgets.composer.composer import Composer

SIZE = (120, 36)


async def test_a_pasted_path_becomes_a_picture_at_the_cursor_and_undo_gives_the_text_back(
    stage: Stage,
) -> None:
    path = stage.picture("my pictures/a scene.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "What is here: "
        screen.query_one(Composer).post_message(Paste(f"'{path}' "))
        await until(pilot, lambda: screen.prompt.images)
        assert screen.prompt.text.strip() == "What is here: [image: a scene.png 96x64]"
        assert "Ctrl+Z" in shown(pilot)
        await pilot.press("ctrl+z")
        assert screen.prompt.text == f"What is here: '{path}' "
        assert not screen.prompt.images


async def test_several_dropped_files_become_several_pictures(stage: Stage) -> None:
    paths = [stage.picture(name) for name in ("a.png", "b.png")]
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.query_one(Composer).post_message(Paste("\n".join(map(str, paths)) + "\n"))
        await until(pilot, lambda: len(screen.prompt.images) == 2)
        assert screen.prompt.text == "[image: a.png 96x64] [image: b.png 96x64] "


async def test_enter_waits_for_a_picture_that_is_still_being_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stage.picture("a.png")
    add = stage.images.add
    reading, go_on = threading.Event(), threading.Event()

    def slowly(*arguments: object) -> object:
        reading.set()
        assert go_on.wait(60)
        return add(*arguments)

    monkeypatch.setattr(stage.images, "add", slowly)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "What is this? "
        screen.query_one(Composer).post_message(Paste(str(path)))
        await until(pilot, reading.is_set)
        await pilot.press("enter")
        assert stage.engine.requests == []
        go_on.set()
        await until(pilot, lambda: stage.engine.requests)
        await answered(pilot)
    (question,) = stage.engine.requests[0].messages
    assert (question.text, question.images[0].name) == ("What is this?", "a.png")


async def test_each_enter_in_a_short_burst_sends_what_stands_before_it(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for key in ("a", "b", "enter", "c", "enter", "d", "e", "enter", "f"):
            screen.query_one(Composer).post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: len(stage.engine.requests) == 3)
        await answered(pilot)
        asked = [message.text for message in stage.engine.requests[-1].messages[::2]]
        assert (asked, screen.prompt.text) == (["ab", "c", "de"], "f")


async def test_pasted_text_with_a_path_in_it_stays_text(stage: Stage) -> None:
    path = stage.picture("a.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.query_one(Composer).post_message(Paste(f"see {path}"))
        await until(pilot, lambda: screen.prompt.text)
        await pilot.app.workers.wait_for_complete()
        assert screen.prompt.text == f"see {path}"


@pytest.mark.parametrize("typed", ["@/Users/me/Desktop/cat.png what?", "/image /Users/me/cat.png"])
async def test_a_path_of_a_laptop_gives_the_command_that_brings_the_file(
    stage: Stage, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 5000 10.0.0.2 22")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, typed)
        await until(pilot, lambda: "This path is not on this machine" in shown(pilot))
        assert screen.prompt.text == typed
        assert f"{getpass.getuser()}@10.0.0.2:" in shown(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: "Copied" in shown(pilot))
        assert pilot.app.clipboard.startswith("scp /Users/me/")
        assert pilot.app.clipboard.endswith(f"@10.0.0.2:{stage.folder}/")
    assert stage.engine.requests == []


async def test_what_several_names_begin_with_is_not_sent_as_text(stage: Stage) -> None:
    stage.picture("shapes-1.png")
    stage.picture("shapes-2.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "What is @shapes- here?")
        await until(pilot, lambda: "@shapes- is the beginning of 2 pictures" in shown(pilot))
        assert screen.prompt.text == "What is @shapes- here?"
        await say(pilot, r"What is \@shapes- here?")
        await until(pilot, lambda: stage.engine.requests)
        await answered(pilot)
    assert stage.engine.requests[0].messages[0].text == "What is @shapes- here?"


async def test_a_pasted_path_of_a_laptop_is_taken_once_the_file_is_here(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.query_one(Composer).post_message(Paste("'/Users/me/my cat.png'"))
        await until(pilot, lambda: "This path is not on this machine" in shown(pilot))
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        assert stage.engine.requests == []
        stage.picture("my cat.png")
        await pilot.press("enter")
        await until(pilot, lambda: stage.engine.requests)
        await answered(pilot)
    assert stage.engine.requests[0].messages[0].images[0].name == "my cat.png"


async def test_pictures_are_picked_from_directories(stage: Stage) -> None:
    stage.picture("shots/a.png")
    stage.picture("b.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "look: "
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "1 picture" in shown(pilot))
        await pilot.press("space", "end", "enter")
        await until(pilot, lambda: "a.png" in shown(pilot))
        await pilot.press("a", "space", "enter")
        await until(pilot, lambda: len(screen.prompt.images) == 2)
        assert screen.prompt.text == "look: [image: b.png 96x64] [image: a.png 96x64] "
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press("escape", "x")
        assert screen.prompt.text.endswith("a.png 96x64] x")


async def test_a_long_paste_is_sent_whole_and_kept_as_a_draft(stage: Stage) -> None:
    long = "line of a log\n" * 2000
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "explain: "
        screen.query_one(Composer).post_message(Paste(long))
        await until(pilot, lambda: "[text: 28 kB, 2,001 lines]" in screen.prompt.text)
        await pilot.press("ctrl+q")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: "[text: 28 kB" in screen.prompt.text)
        await pilot.press("enter")
        await answered(pilot)
    assert stage.engine.requests[0].messages[-1].text == f"explain: {long}".strip()


async def test_up_walks_through_what_was_asked_and_down_comes_back(stage: Stage) -> None:
    stage.picture("a.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in ("first\nof two lines", "what is @a.png and @a.png?"):
            await ask(pilot, text)
    async with stage.app().run_test(size=SIZE) as pilot:  # also those of other chats
        screen = await ready(pilot)
        await pilot.press("up")
        token = "[image: a.png 96x64]"
        await until(pilot, lambda: screen.prompt.text == f"what is {token} and {token}?")
        assert [image.name for image in screen.prompt.images] == ["a.png"]
        await pilot.press("up")
        assert screen.prompt.text == "first\nof two lines"
        await pilot.press("up", "up")  # to the first line, and beyond it
        await until(pilot, lambda: "There is no earlier question" in shown(pilot))
        await pilot.press("down", "down")
        assert screen.prompt.text == f"what is {token} and {token}?"
        await pilot.press("down")
        assert screen.prompt.text == ""
        await pilot.press("d", "up")  # what was typed is not lost
        assert screen.prompt.text == "d"


async def test_what_was_asked_is_searched(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "There are no earlier questions" in shown(pilot))
        for text in ("Where is the cat?", "How many dogs?", "Where is the cat?"):
            await ask(pilot, text)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Earlier questions" in shown(pilot))
        await pilot.press("c", "a", "t")
        await pilot.press("enter")
        await until(pilot, lambda: screen.prompt.text == "Where is the cat?")


async def test_the_names_of_themes_are_completed(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "/theme vlmtui-l")
        await until(pilot, lambda: screen.prompt.completion.list.candidates)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: pilot.app.theme == "vlmtui-light")


async def test_without_a_terminal_of_its_own_no_editor_is_started(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.prompt.text = "text"
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "can't be given to an editor" in shown(pilot))
        assert screen.prompt.text == "text"
