from __future__ import annotations

import os
import threading

import pytest

from tests.fakes import INFO, STATS, Gate, answer, crash
from tests.ui.conftest import Stage, answered, ask, ready, say, screen_of, shown, type_text, until
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import (
    Adjusted,
    Delta,
    Encoding,
    Finished,
    Loading,
    Notice,
    Prefill,
    Trimmed,
)
from vlmtui.errors import GenerateFailed, LoadFailed, StorageError
from vlmtui.stats.engine_state import Phase
from vlmtui.ui.app import VlmtuiApp
from vlmtui.ui.screens.chat.chat_screen import ChatScreen
from vlmtui.ui.screens.help_screen import HelpScreen
from vlmtui.ui.themes.theme_files import load_themes
from vlmtui.ui.widgets.composer.prompt_completion import PathChosen
from vlmtui.ui.widgets.composer.waiting import Waiting
from vlmtui.ui.widgets.transcript.answer_block import Answer
from vlmtui.ui.widgets.transcript.question_block import Question

SIZE = (120, 36)
WIDE_AND_NARROW = pytest.mark.parametrize("size", [SIZE, (80, 24), (60, 15)])


@WIDE_AND_NARROW
async def test_a_question_is_answered(stage: Stage, size: tuple[int, int]) -> None:
    stage.engine.script(*answer("A **red**", " circle."))
    async with stage.app().run_test(size=size) as pilot:
        await ready(pilot)
        await type_text(pilot, "What is it?")
        await pilot.press("enter")
        await answered(pilot)
        text = shown(pilot)
        assert "What is it?" in text
        assert "A red circle." in text
        assert "32.0 tok/s" in text
        assert screen_of(pilot).prompt.text == ""
    assert [m.message.text for m in stage.session(continue_last=True).transcript()] == [
        "What is it?",
        "A **red** circle.",
    ]


async def test_the_phases_of_an_answer_are_shown(stage: Stage) -> None:
    gates = [Gate() for _ in range(3)]
    stage.engine.script(
        Encoding(1, 2), gates[0], Prefill(48, 96, 16), gates[1], Delta("x", 1), gates[2]
    )
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "go")
        for gate, label in zip(
            gates, ("encoding picture 1/2", "prefill 40 %", "decoding"), strict=True
        ):
            await until(pilot, lambda label=label: label in shown(pilot))
            gate.open()
        await answered(pilot)
        assert "ready" in shown(pilot)


async def test_every_token_is_counted_though_figures_change_four_times_a_second(
    stage: Stage,
) -> None:
    stage.engine.script(*answer(*"abcdefgh"), Finished("stop"))  # which brings no count of its own
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "go")
        assert screen.engine_state.generated == 8
        assert "8 tok" in shown(pilot)


async def test_a_path_in_the_text_attaches_a_picture(stage: Stage) -> None:
    stage.picture("my pictures/a scene.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, 'What is it? @"my pictures/a scene.png"')
        text = shown(pilot)
        assert "▄▄▄▄" in text
        assert "a scene.png  96×64" in text
        assert screen.image is not None
    (request,) = stage.engine.requests
    assert request.messages[-1].text == "What is it?"
    assert [image.name for image in request.messages[-1].images] == ["a scene.png"]


async def test_tab_completes_a_path_and_it_becomes_a_picture_in_its_place(stage: Stage) -> None:
    stage.picture("my pictures/a scene.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "What is it? @my")
        await until(pilot, lambda: screen.prompt.completion.list.candidates)
        assert "my pictures/" in shown(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: screen.prompt.text == "What is it? @my\\ pictures/")
        await pilot.press("tab")
        await until(pilot, lambda: screen.prompt.images)
        assert screen.prompt.text == "What is it? [image: a scene.png 96x64] "
        await until(pilot, lambda: "[image: a scene.png 96x64]" in shown(pilot))


async def test_a_completion_is_chosen_with_arrows_and_enter(stage: Stage) -> None:
    for name in ("a1.png", "a2.png", "a3.png"):
        stage.picture(name)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "@a")
        await until(pilot, lambda: len(screen.prompt.completion.list.candidates) == 3)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: screen.prompt.images)
        assert screen.prompt.images[0].name == "a2.png"
        assert stage.engine.requests == []


async def test_enter_takes_what_a_half_written_path_could_become(stage: Stage) -> None:
    for name in ("a1.png", "a2.png"):
        stage.picture(name)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "What is it? @a")
        await until(pilot, lambda: len(screen.prompt.completion.list.candidates) == 2)
        await pilot.press("enter")
        await until(pilot, lambda: screen.prompt.images)
        assert screen.prompt.images[0].name == "a1.png"
        assert stage.engine.requests == []


async def test_escape_closes_the_completions_first(stage: Stage) -> None:
    stage.picture("a1.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "@a")
        await until(pilot, lambda: screen.prompt.completion.list.candidates)
        await pilot.press("escape")
        assert not screen.prompt.completion.list.candidates
        assert screen.prompt.text == "@a"


async def test_pictures_are_attached_by_command_and_removed_again(stage: Stage) -> None:
    stage.picture("a.png")
    stage.picture("b c.png", size=(64, 96))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image a.png 'b c.png'")
        await until(pilot, lambda: len(screen.prompt.images) == 2)
        assert screen.prompt.text == "[image: a.png 96x64] [image: b c.png 64x96] "
        await pilot.press("backspace", "backspace")
        assert [image.name for image in screen.prompt.images] == ["a.png"]
        await until(pilot, lambda: screen.image == screen.prompt.images[0])
        await pilot.press("home", "delete")
        await until(pilot, lambda: not screen.prompt.images)
        assert screen.image is None


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("look @missing.png", "There is no file missing.png"),
        ("look @./", "is a directory"),
        ("look @text.png", "is not a picture"),
        ("look @empty.png", "is empty"),
        ("/image missing.png", "There is no file missing.png"),
        ("/image", "/image needs a path"),
        ("/frobnicate now", "There is no command /frobnicate"),
        ("  ", "Type a question"),
    ],
)
async def test_what_can_not_be_done_is_told_and_the_text_stays(
    stage: Stage, typed: str, told: str
) -> None:
    (stage.folder / "text.png").write_text("just text")
    (stage.folder / "empty.png").touch()
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, typed)
        await until(pilot, lambda: told in shown(pilot))
        assert screen.prompt.text == typed
        assert not screen.engine_state.busy
    assert stage.engine.requests == []
    assert stage.store.latest() is None


async def test_escape_stops_the_answer_and_keeps_its_text(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("So far", 2), gate, Delta(" so good", 4))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert "Esc stop" not in shown(pilot)
        screen_of(pilot).prompt.say("Old news")
        await say(pilot, "go")
        await until(pilot, lambda: "So far" in shown(pilot))
        assert "Old news" not in shown(pilot)
        assert "being written elsewhere" not in shown(pilot)
        assert "Esc stop · Enter queue" in shown(pilot)
        await pilot.press("escape")
        await answered(pilot)
        text = shown(pilot)
        assert "So far" in text
        assert "stopped" in text
        assert "Esc stop" not in text
    last = stage.session(continue_last=True).transcript()[-1]
    assert (last.message.text, last.status) == ("So far", "cancelled")


async def test_one_can_type_while_an_answer_streams(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("Working", 1), gate)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "Working" in shown(pilot))
        await type_text(pilot, "next one")
        gate.open()
        await answered(pilot)
        assert screen.prompt.text == "next one"
        await pilot.press("enter")
        await answered(pilot)
    assert [request.messages[-1].text for request in stage.engine.requests] == ["go", "next one"]


async def test_messages_sent_during_an_answer_go_behind_it_in_their_order(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("Working", 1), gate)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "Working" in shown(pilot))
        await say(pilot, "second")
        await say(pilot, "third")
        await until(pilot, lambda: "Next: third" in shown(pilot))
        assert "Next: second" in shown(pilot)
        await type_text(pilot, "second thought")  # nothing of it belongs to what waits
        gate.open()
        await until(pilot, lambda: len(stage.engine.requests) == 3)
        await answered(pilot)
        assert "Next:" not in shown(pilot)
        assert screen.prompt.text == "second thought"
    asked = [request.messages[-1].text for request in stage.engine.requests]
    assert asked == ["go", "second", "third"]


async def test_a_message_that_waits_can_be_taken_back_and_dropped(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("Working", 1), gate)
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "Working" in shown(pilot))
        for text in ("second", "third"):
            await say(pilot, text)
        await until(pilot, lambda: "Next: third" in shown(pilot))
        await pilot.press("up")
        assert screen.prompt.text == "third"
        await pilot.press("ctrl+u")
        await pilot.click(Waiting, offset=(2, 0))
        await until(pilot, lambda: screen.prompt.text == "second")
        assert "Next:" not in shown(pilot)
        gate.open()
        await answered(pilot)
    assert len(stage.engine.requests) == 1


@pytest.mark.parametrize("failing", [False, True])
async def test_where_an_answer_is_cut_off_what_waits_is_in_the_composer_again(
    stage: Stage, failing: bool
) -> None:
    gate = Gate()
    stage.engine.script(
        Delta("Working", 1), gate, *([GenerateFailed("It is gone", "Ask again.")] * failing)
    )
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "Working" in shown(pilot))
        await say(pilot, "second")
        await until(pilot, lambda: "Next: second" in shown(pilot))
        if failing:
            gate.open()
        else:
            await pilot.press("escape")
        await until(pilot, lambda: not screen.topics.busy)
        await until(pilot, lambda: screen.prompt.text == "second")
        assert "Next:" not in shown(pilot)
    assert len(stage.engine.requests) == 1


async def test_what_is_sent_while_an_answer_is_being_stopped_goes_behind_it(stage: Stage) -> None:
    hurry = threading.Event()
    stage.engine.script(Delta("Working", 1), lambda: hurry.wait(60) and None)
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "Working" in shown(pilot))
        await pilot.press("escape")
        await say(pilot, "second")
        await until(pilot, lambda: "Next: second" in shown(pilot))
        hurry.set()
        await until(pilot, lambda: len(stage.engine.requests) == 2)
        await answered(pilot)
    assert [request.messages[-1].text for request in stage.engine.requests] == ["go", "second"]


async def test_what_waits_is_a_draft_for_whoever_comes_next(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("Working", 1), gate)
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "Working" in shown(pilot))
        await say(pilot, "second")
        await until(pilot, lambda: "second" in stage.sessions[-1].questions.draft().text)
        gate.open()
        await until(pilot, lambda: len(stage.engine.requests) == 2)
        await until(pilot, lambda: not stage.sessions[-1].questions.draft().text)


async def test_a_question_can_be_sent_while_the_model_loads(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script_load(Loading(0.4), gate)
    async with stage.app().run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "loading 40 %" in shown(pilot))
        await say(pilot, "early")
        await until(pilot, lambda: screen_of(pilot).query(Question))
        gate.open()
        await answered(pilot)
        assert "Yes." in shown(pilot)


async def test_a_question_sent_before_the_chat_is_shown_is_shown_behind_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_read, gate = threading.Event(), threading.Event()
    really = ChatSession.transcript

    def transcript(session: ChatSession) -> object:
        thread = really(session)
        is_read.set()
        gate.wait(60)
        return thread

    monkeypatch.setattr(ChatSession, "transcript", transcript)
    async with stage.app().run_test(size=SIZE) as pilot:
        await until(pilot, is_read.is_set)
        await say(pilot, "early")
        await until(pilot, lambda: screen_of(pilot).topics.busy)
        for _ in range(20):  # it would be there by now, and then be lost again
            await pilot.pause(0.02)
        gate.set()
        await answered(pilot)
        assert screen_of(pilot).query(Question)
        assert screen_of(pilot).chat is not None


async def test_a_crash_is_told_and_the_next_message_works(stage: Stage) -> None:
    stage.engine.script(Delta("Half", 1), crash("decode"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "first")
        text = shown(pilot)
        assert "The engine stopped while it was busy with: decode" in text
        assert "Send the message again" in text
        assert "/state/engine.log" in text
        assert "Half" in text
        assert "not loaded" in text
        await ask(pilot, "second")
        assert "Yes." in shown(pilot)
        assert "ready" in shown(pilot)


async def test_an_error_text_is_not_markup(stage: Stage) -> None:
    stage.engine.script(GenerateFailed("Broken [bold]here[/bold]\x1b[31m", "Do [red]that"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "first")
        text = shown(pilot)
        assert "Broken [bold]here[/bold]␛[31m" in text
        assert "Do [red]that" in text


async def test_a_model_that_does_not_load_is_told_and_the_chat_lives(stage: Stage) -> None:
    stage.engine.script_load(LoadFailed("fake.gguf is damaged", "Download it again"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "fake.gguf is damaged" in shown(pilot))
        await until(pilot, lambda: "not loaded" in shown(pilot))
        await ask(pilot, "again")
        assert "Yes." in shown(pilot)


async def test_a_load_that_was_changed_for_want_of_memory_is_told(stage: Stage) -> None:
    short = Adjusted("fake needs 7.30 GB, 6.10 GB are free", "a context of 2,048 tokens")
    stage.engine.script_load(short, Loading(0.5))
    async with stage.app().run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "fake needs 7.30 GB, 6.10 GB are free" in shown(pilot))
        assert "loaded with a context of 2,048 tokens" in shown(pilot)


async def test_what_the_model_says_reaches_the_screen_only_as_text(stage: Stage) -> None:
    stage.engine.script(
        *answer("\x1b]0;owned\x07", "\x1b[2J", "[red]x[/red] ", "‮evil ", "a\x9bb <b>c</b>")
    )
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "go")
        text = shown(pilot)
        assert "␛]0;owned␇␛[2J[red]x[/red] ‹202E›evil a�b <b>c</b>" in text
        assert all(c.isprintable() for c in text.replace("\n", ""))


async def test_a_malicious_file_name_is_only_a_name(stage: Stage) -> None:
    stage.picture("[red]\x1b[31m.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image [red]\x1b[31m.png")
        await until(pilot, lambda: screen.prompt.images or "No picture matches" in shown(pilot))
        assert all(c.isprintable() for c in shown(pilot).replace("\n", ""))
        screen.prompt.text = ""
        screen.post_message(PathChosen("[red]\x1b[31m.png", ""))
        await until(pilot, lambda: "[image: [red]␛[31m.png 96x64]" in shown(pilot))


async def test_wide_characters_stand_where_they_should(stage: Stage) -> None:
    stage.engine.script(*answer("赤い円です。", "👩‍🚀 é"))
    async with stage.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_text(pilot, "何ですか")
        await pilot.press("enter")
        await answered(pilot)
        assert "何ですか" in shown(pilot)
        assert "赤い円です。" in shown(pilot)


async def test_continue_shows_the_last_chat_with_its_pictures(stage: Stage) -> None:
    path = stage.picture()
    stage.engine.script(*answer("A red circle."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "What is it? @scene.png")
    path.unlink()
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: "A red circle." in shown(pilot))
        await until(pilot, lambda: "▄▄▄▄" in shown(pilot))
        assert screen.image is not None
        await ask(pilot, "and now?")
    assert len(stage.engine.requests[-1].messages) == 3


async def test_without_continue_a_new_chat_begins(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "old question")
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert not screen_of(pilot).transcript.messages()
        assert "@path" in shown(pilot)


async def test_an_interrupted_answer_is_marked(stage: Stage) -> None:
    stage.engine.script(Delta("Half", 1), crash("decode"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "go")
    async with stage.app(continue_last=True).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "Half" in shown(pilot))
        assert "failed" in shown(pilot)
        assert "busy with: decode" in shown(pilot)


async def test_what_was_in_the_composer_survives_a_restart(stage: Stage) -> None:
    stage.picture()
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image scene.png")
        await until(pilot, lambda: screen.prompt.images)
        await type_text(pilot, "half a\nthought")
        await pilot.press("ctrl+q")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.prompt.text)
        assert screen.prompt.text == "[image: scene.png 96x64] half a\nthought"
        assert [image.name for image in screen.prompt.images] == ["scene.png"]


async def test_quitting_while_an_answer_streams_saves_what_is_there(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("So far", 2), gate)
    app = stage.app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "So far" in shown(pilot))
        await pilot.press("ctrl+q")
    assert app.return_value == 0
    assert stage.engine.closed
    last = stage.session(continue_last=True).transcript()[-1]
    assert (last.message.text, last.status) == ("So far", "cancelled")


async def test_ctrl_c_quits_at_the_second_time_and_loses_nothing(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "text")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Ctrl+C again quits" in shown(pilot))
        assert screen.prompt.text == "text"
        await pilot.press("ctrl+c")
        await until(pilot, lambda: stage.engine.closed)
    assert app.return_value == 0
    assert stage.session().questions.draft().text == "text"


async def test_ctrl_c_stops_an_answer_and_doesnt_quit(stage: Stage) -> None:
    stage.engine.script(Delta("So far", 2), Gate())
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: "So far" in shown(pilot))
        await pilot.press("ctrl+c")
        await answered(pilot)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Ctrl+C again quits" in shown(pilot))
        assert not stage.engine.closed


async def test_ctrl_c_with_a_selection_copies_it(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "text")
        await pilot.press("shift+home", "ctrl+c", "ctrl+c")
        assert pilot.app.clipboard == "text"
        assert "again quits" not in shown(pilot)
        assert screen.prompt.text == "text"


async def test_hands_that_know_vi_find_the_way_out(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, ":q")
        await until(pilot, lambda: stage.engine.closed)
    assert app.return_value == 0
    assert not stage.engine.requests


async def test_a_question_mark_is_help_where_nothing_is_written(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "Is it?")
        assert not isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("alt+up", "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await pilot.press("escape", "escape", "f3", "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        assert screen.prompt.text == ""


async def test_the_last_question_is_answered_again(stage: Stage) -> None:
    stage.engine.script(*answer("First answer."))
    stage.engine.script(*answer("Second answer."))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "go")
        await say(pilot, "/regen")
        await until(pilot, lambda: "Second answer." in shown(pilot))
        await answered(pilot)
        assert "First answer." not in shown(pilot)
        assert len(screen.query(Answer)) == 1


async def test_an_answer_that_fails_again_brings_the_earlier_one_back(stage: Stage) -> None:
    stage.engine.script(*answer("First answer."))
    stage.engine.script(GenerateFailed("It broke", "Try later"))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "go")
        await say(pilot, "/regen")
        await until(pilot, lambda: "It broke" in shown(pilot))
        await answered(pilot)
        assert "First answer." in shown(pilot)
        assert "It broke" in shown(pilot)


async def test_a_new_chat_is_empty_and_leaves_the_old_one_on_disk(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "old question")
        await say(pilot, "/new")
        await until(pilot, lambda: not screen_of(pilot).transcript.messages())
        await ask(pilot, "new question")
        assert "new question" in shown(pilot)
    assert {chat.title for chat in stage.store.recent()} == {"old question", "new question"}


async def test_help_lists_keys_and_commands(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Enter" in shown(pilot))
        await type_text(pilot, "regen")
        await until(pilot, lambda: "/regen" in shown(pilot))
        await pilot.press("escape")  # what was typed goes first
        await until(pilot, lambda: "Type to search" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Type to search" not in shown(pilot))
        await say(pilot, "/help")
        await until(pilot, lambda: "Type to search" in shown(pilot))


async def test_forgotten_messages_are_told(stage: Stage) -> None:
    stage.engine.script(Trimmed(dropped=2, images=1), *answer("Fine."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "go")
        assert "the 2 oldest messages, with 1 picture" in " ".join(shown(pilot).split())


async def test_what_the_engine_has_to_say_of_an_answer_is_told(stage: Stage) -> None:
    stage.engine.script(Notice("template", "It has no template", "Choose one"), *answer("Fine."))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "go")
        assert "It has no template" in shown(pilot)
        assert "Choose one" in shown(pilot)


async def test_a_question_that_can_not_be_saved_is_given_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.picture()
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)

        def full(*_: object) -> None:
            raise StorageError("The disk is full", "Make room")

        monkeypatch.setattr(stage.store, "start", full)
        await say(pilot, "What is it? @scene.png")
        await until(pilot, lambda: "The disk is full" in shown(pilot))
        assert screen.prompt.text == "What is it? @scene.png"
        assert not screen.engine_state.busy
        assert stage.engine.requests == []


async def test_a_database_that_can_not_be_opened_ends_the_application() -> None:
    def fail() -> None:
        raise StorageError("chats.db was made by a newer vlmtui", "Update vlmtui")

    app = VlmtuiApp(ChatScreen(fail), load_themes())
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.failure is not None)
    assert str(app.failure) == "chats.db was made by a newer vlmtui"


async def test_the_side_pane_folds_away_and_comes_back(stage: Stage) -> None:
    stage.picture()
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image scene.png")
        await until(pilot, lambda: "scene.png  96×64" in shown(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not screen.query_one("SidePane").display)
        assert screen.transcript.size.width >= 76
        assert "ctx     0/4,096" in shown(pilot).splitlines()[-1]
        await pilot.resize_terminal(160, 48)
        await until(pilot, lambda: screen.query_one("SidePane").display)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_nothing_is_cut_off(stage: Stage, size: tuple[int, int]) -> None:
    stage.picture()
    stage.engine.script(*answer("word " * 200), Finished("stop", STATS))
    async with stage.app().run_test(size=size) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image scene.png")
        await until(pilot, lambda: screen.prompt.images)
        await ask(pilot, "go on and on " * 10)
        bounds = screen.region
        for widget in screen.query("Prompt, Composer, StatusStrip, SidePane, Transcript"):
            if widget.display and widget.region:
                assert bounds.contains_region(widget.region), widget
        assert screen.query_one("Composer").region.bottom <= size[1]


async def test_a_reader_who_has_scrolled_up_is_left_there(stage: Stage) -> None:
    gate = Gate()
    stage.engine.script(Delta("line\n\n" * 60, 1), gate, Delta("more\n\n" * 60, 2))
    async with stage.app().run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await say(pilot, "go")
        await until(pilot, lambda: screen.transcript.max_scroll_y > 60)
        await until(pilot, lambda: screen.transcript.scroll_y == screen.transcript.max_scroll_y)
        await pilot.press("pageup", "pageup")
        await until(pilot, lambda: screen.transcript.scroll_y < screen.transcript.max_scroll_y)
        position = screen.transcript.scroll_y
        gate.open()
        await answered(pilot)
        assert screen.transcript.scroll_y == position
        await pilot.press("ctrl+end")
        await until(pilot, lambda: screen.transcript.scroll_y == screen.transcript.max_scroll_y)
        await ask(pilot, "again")
        assert screen.transcript.scroll_y == screen.transcript.max_scroll_y


async def test_typing_while_the_transcript_has_the_focus_goes_to_the_composer(
    stage: Stage,
) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.transcript.focus()
        await pilot.press("h", "i")
        await until(pilot, lambda: screen.prompt.text == "hi")


async def test_an_answer_of_thousands_of_tokens_is_redrawn_seldom(stage: Stage) -> None:
    stage.engine.script(*[Delta(f"word{number} ", number) for number in range(1, 4001)])
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        taken = 0
        take = screen.topics.stream.inbox.take

        def counted() -> list[tuple[object, float]]:
            nonlocal taken
            taken += 1
            return take()

        screen.topics.stream.inbox.take = counted
        await ask(pilot, "go")
        assert "word4000" in shown(pilot)
        assert taken < 200


async def test_samples_are_offered_and_attached(stage: Stage) -> None:
    sample = stage.picture("sample.png")
    async with stage.app(samples=(sample,)).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert "Try it" in shown(pilot)
        await say(pilot, "/sample")
        await until(pilot, lambda: [image.name for image in screen.prompt.images] == ["sample.png"])


async def test_the_welcome_names_the_model(stage: Stage) -> None:
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: INFO.description in shown(pilot))
        assert screen_of(pilot).engine_state.phase is Phase.READY


async def test_pictures_named_in_a_sentence_are_sent_and_shown_in_their_places(
    stage: Stage,
) -> None:
    stage.picture("a.png")
    stage.picture("b.png", size=(64, 64))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "compare @a.png")
        await pilot.press("tab")
        await until(pilot, lambda: screen.prompt.images)
        await type_text(pilot, "with @b.png please")
        await pilot.press("enter")
        await answered(pilot)
        assert "compare [a.png] with [b.png] please" in shown(pilot)
        assert screen.prompt.text == ""
    parts = stage.engine.requests[0].messages[-1].parts
    assert [getattr(part, "text", None) or part.name for part in parts] == [
        "compare ",
        "a.png",
        " with ",
        "b.png",
        " please",
    ]


async def test_a_pattern_attaches_all_that_it_fits(stage: Stage) -> None:
    for name in ("one.png", "two.png", "other.jpg"):
        stage.picture(f"shots/{name}")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "@shots/*.png")
        await until(pilot, lambda: "all 2 pictures" in shown(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(screen.prompt.images) == 2)
        assert screen.prompt.text == "[image: one.png 96x64] [image: two.png 96x64] "
        screen.prompt.text = ""
        await say(pilot, "/image shots/*")
        await until(pilot, lambda: len(screen.prompt.images) == 3)


async def test_newest_is_the_picture_that_was_changed_last(stage: Stage) -> None:
    for seconds, name in enumerate(("old.png", "new.png", "older.png")):
        os.utime(stage.picture(name), (1e9 - seconds % 2, 2e9 if name == "new.png" else seconds))
    async with stage.app().run_test(size=SIZE) as pilot:
        await ready(pilot)
        await ask(pilot, "What is in @newest?")
        assert "What is in new.png?" in shown(pilot)
    assert [image.name for image in stage.engine.requests[0].messages[-1].images] == ["new.png"]


async def test_commands_are_offered_while_a_slash_is_typed(stage: Stage) -> None:
    stage.engine.script(*answer("First."))
    stage.engine.script(*answer("Second."))
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await ask(pilot, "go")
        await type_text(pilot, "/")
        await until(pilot, lambda: "attach pictures to the next message" in shown(pilot))
        await type_text(pilot, "ima")
        await until(pilot, lambda: len(screen.prompt.completion.list.candidates) == 1)
        await pilot.press("tab")
        assert screen.prompt.text == "/image "
        screen.prompt.text = ""
        await type_text(pilot, "/regen")
        await until(pilot, lambda: len(screen.prompt.completion.list.candidates) == 1)
        await pilot.press("enter")  # takes no argument: done at once
        await until(pilot, lambda: "Second." in shown(pilot))


async def test_enter_sends_what_was_typed_though_the_list_lags_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.app(samples=(stage.picture(),)).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        prompt = screen.prompt
        await type_text(pilot, "/")
        await until(pilot, lambda: prompt.completion.list.chosen is not None)
        first = prompt.completion.list.chosen
        monkeypatch.setattr(
            prompt.completion, "_look_up", lambda fragment, tab: None
        )  # it takes its time
        await type_text(pilot, "sample")
        assert prompt.completion.list.chosen is first, "the list is still that of /"
        assert first is not None and first.path.strip() != "/sample"
        await pilot.press("enter")
        await until(pilot, lambda: screen.prompt.images)
        assert [image.name for image in screen.prompt.images] == ["scene.png"]


async def test_a_command_can_be_typed_behind_a_picture(stage: Stage) -> None:
    stage.picture("a.png")
    stage.picture("b.png")
    async with stage.app().run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await say(pilot, "/image a.png")
        await until(pilot, lambda: screen.prompt.images)
        await type_text(pilot, "/image b.png")
        await pilot.press("enter")
        await until(pilot, lambda: len(screen.prompt.images) == 2)
        assert screen.prompt.text == "[image: a.png 96x64] [image: b.png 96x64] "


async def test_tab_with_nothing_to_complete_leaves_the_keyboard_where_it_is(stage: Stage) -> None:
    async with stage.app().run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await type_text(pilot, "what ")
        await pilot.press("tab")
        await until(pilot, lambda: "There is nothing to complete" in shown(pilot))
        await type_text(pilot, "is it")
        await until(pilot, lambda: screen.prompt.text == "what is it")


async def test_what_is_typed_at_the_figures_goes_to_the_composer(stage: Stage) -> None:
    async with stage.app().run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: screen.focused is screen.query_one("SidePane"))
        await type_text(pilot, "is it")
        await until(pilot, lambda: screen.prompt.text == "is it")
