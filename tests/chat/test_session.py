"""Turns: what is told in which order, what is kept, and what the model hears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.chat.conftest import Begin
from tests.fakes import INFO, LOAD, STATS, FakeEngine, Gate, answer, crash
from vlmtui.chat.chat_events import AnswerSaved, AnswerStarted, UserSaved
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_events import Delta, Event, Finished, Loaded, Loading, Prefill
from vlmtui.engine.engine_requests import Generate, Sampling
from vlmtui.errors import (
    EmptyPrompt,
    EngineCrashed,
    ImageNotFound,
    ImageTruncated,
    LoadFailed,
    NotAnImage,
    StorageError,
    TurnRunning,
)
from vlmtui.messages import TextPart, assistant, system, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import Draft


def picture(path: Path, colour: str = "red") -> Path:
    Image.new("RGB", (8, 6), colour).save(path)
    return path


def transcript(session: ChatSession) -> list[tuple[str, str]]:
    return [(stored.message.text, stored.status) for stored in session.transcript()]


def ask(session: ChatSession, text: str) -> None:
    list(session.send(text))


# ---------------------------------------------------------------------- a turn


def test_a_turn_tells_its_story_in_order(session: ChatSession, engine: FakeEngine) -> None:
    engine.script(Prefill(8, 8, 0), *answer("A red", " circle."))
    events = list(session.send("What is this?"))
    assert [type(event) for event in events] == [
        UserSaved,
        AnswerStarted,
        Loading,
        Loaded,
        Prefill,
        Delta,
        Delta,
        Finished,
        AnswerSaved,
    ]
    saved = events[-1]
    assert isinstance(saved, AnswerSaved)
    assert saved.on_disk
    assert saved.stored == session.transcript()[-1]
    assert transcript(session) == [("What is this?", "complete"), ("A red circle.", "complete")]


def test_an_answer_is_kept_with_its_model_and_its_figures(session: ChatSession) -> None:
    ask(session, "What is this?")
    stored = session.transcript()[-1]
    assert stored.model == "fake"
    assert stored.stats is not None
    assert stored.stats["decode_tokens_per_s"] == STATS.decode_tokens_per_s
    assert stored.stats["finish_reason"] == "stop"


def test_pictures_inside_a_sentence_reach_the_engine_and_the_disk_there(
    session: ChatSession, engine: FakeEngine, tmp_path: Path
) -> None:
    red = session.images.attach(picture(tmp_path / "red.png"))
    blue = session.images.attach(picture(tmp_path / "blue.png", "blue"))
    list(session.send("compare  with ", (red, blue), (8, 14)))
    expected = (TextPart("compare "), red, TextPart(" with "), blue)
    assert engine.requests[0].messages[-1].parts == expected
    assert session.transcript()[0].message.parts == expected
    assert session.chat is not None
    assert session.chat.title == "compare [red.png] with [blue.png]"


def test_a_question_that_got_no_answer_is_shown_and_can_be_answered(
    session: ChatSession,
) -> None:
    ask(session, "First?")
    turn = session.send("Second?")
    assert isinstance(next(turn), UserSaved)
    turn.close()
    assert [text for text, _ in transcript(session)][-1] == "Second?"
    list(session.regenerate())
    assert [status for _, status in transcript(session)] == ["complete"] * 4
    assert transcript(session)[2] == ("Second?", "complete")


def test_the_question_is_on_disk_before_the_engine_hears_of_it(
    session: ChatSession, engine: FakeEngine, path: Path
) -> None:
    turn = session.send("What is this?")
    assert isinstance(next(turn), UserSaved)
    assert not engine.loads
    assert not engine.requests
    other = ChatStore(Database(path))
    chat = other.latest()
    assert chat is not None
    assert [each.message.text for each in other.thread(chat.id)] == ["What is this?"]
    other.close()
    list(turn)
    assert len(engine.requests) == 1


def test_a_chat_comes_into_being_with_its_first_question(
    session: ChatSession, store: ChatStore
) -> None:
    assert (session.chat, session.transcript(), store.recent()) == (None, [], [])
    ask(session, "Where is\n  the red circle?")
    assert session.chat is not None
    assert store.get(session.chat.id).title == "Where is the red circle?"
    ask(session, "And the blue one?")
    assert [chat.id for chat in store.recent()] == [session.chat.id]
    assert len(session.transcript()) == 4


def test_nothing_to_send_is_an_error_and_leaves_nothing(
    session: ChatSession, store: ChatStore
) -> None:
    with pytest.raises(EmptyPrompt):
        ask(session, " \n")
    assert store.recent() == []
    assert not session.busy


def test_one_turn_at_a_time(session: ChatSession) -> None:
    turn = session.send("one")
    next(turn)
    assert session.busy
    with pytest.raises(TurnRunning):
        next(session.send("two"))
    list(turn)
    assert [text for text, _ in transcript(session)] == ["one", "Yes."]


def test_a_transcript_shows_the_words_that_have_come_so_far(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script(*answer("A red", " circle"), gate, Delta(".", 3))
    turn = begin(session.send("What is this?"), gate)
    assert transcript(session)[-1] == ("A red circle", "streaming")
    gate.open()
    turn.join()
    assert transcript(session)[-1] == ("A red circle.", "complete")


# ---------------------------------------------------------------------- loading


def test_the_model_is_loaded_once(session: ChatSession, engine: FakeEngine) -> None:
    assert Loaded(INFO) in list(session.model.load())
    assert list(session.model.load()) == []
    ask(session, "one")
    ask(session, "two")
    assert engine.loads == [LOAD]


def test_a_model_that_the_engine_has_already_is_not_loaded_again(
    engine: FakeEngine, store: ChatStore, images: ImageStore
) -> None:
    list(engine.load(LOAD))
    ask(ChatSession(engine, store, images, LOAD), "one")
    assert engine.loads == [LOAD]


def test_a_question_asked_while_the_model_loads_is_saved_and_waits(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(Loading(0.5), gate)
    loading = begin(session.model.load(), gate)
    turn = session.send("What is this?")
    assert isinstance(next(turn), UserSaved)
    assert isinstance(next(turn), AnswerStarted)
    gate.open()
    rest = list(turn)
    assert not any(isinstance(event, Loading | Loaded) for event in rest)
    assert Loaded(INFO) in loading.join()
    assert transcript(session)[-1] == ("Yes.", "complete")


def test_cancelling_a_question_that_waits_leaves_the_load_alone(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(gate)
    loading = begin(session.model.load(), gate)
    turn = session.send("What is this?")
    next(turn), next(turn)
    session.cancel()
    assert [type(event) for event in turn] == [AnswerSaved]
    assert transcript(session)[-1] == ("", "cancelled")
    gate.open()
    assert Loaded(INFO) in loading.join()
    assert engine.cancels == 0


def test_a_load_can_be_cancelled_and_the_next_question_loads_again(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(gate)
    loading = begin(session.model.load(), gate)
    session.cancel()
    assert [type(event) for event in loading.join()] == [Finished]
    ask(session, "What is this?")
    assert len(engine.loads) == 2
    assert transcript(session)[-1] == ("Yes.", "complete")


def test_cancelling_a_turn_that_loads_generates_nothing(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script_load(gate)
    turn = begin(session.send("What is this?"), gate)
    session.cancel()
    assert isinstance(turn.join()[-1], AnswerSaved)
    assert engine.requests == []
    assert transcript(session)[-1] == ("", "cancelled")


def test_a_failed_load_is_told_and_tried_again_with_the_next_question(
    session: ChatSession, engine: FakeEngine
) -> None:
    engine.script_load(LoadFailed("fake.gguf is no model"))
    with pytest.raises(LoadFailed):
        ask(session, "What is this?")
    failed = session.transcript()[-1]
    assert (failed.status, failed.error) == ("failed", "fake.gguf is no model")
    ask(session, "Try again")
    assert transcript(session)[-1] == ("Yes.", "complete")


# ---------------------------------------------------------------------- what ends a turn


def test_a_cancelled_answer_keeps_its_words_and_its_figures(
    session: ChatSession, engine: FakeEngine, begin: Begin
) -> None:
    gate = Gate()
    engine.script(*answer("A red"), gate, Delta(" circle", 2))
    turn = begin(session.send("What is this?"), gate)
    session.cancel()
    turn.join()
    assert transcript(session)[-1] == ("A red", "cancelled")
    assert (session.transcript()[-1].stats or {})["finish_reason"] == "cancelled"


def test_cancelling_nothing_harms_nothing(session: ChatSession) -> None:
    session.cancel()
    ask(session, "What is this?")
    session.cancel()
    ask(session, "And now?")
    assert transcript(session)[-1] == ("Yes.", "complete")


def test_a_cancel_that_comes_before_the_engine_has_begun_is_not_lost(
    session: ChatSession, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.script(Prefill(0, 8, 0), *answer("A", " red", " circle"))
    list(session.model.load())
    turn = session.send("What is this?")
    next(turn), next(turn)
    # The turn has the engine from here on, and the engine has no request yet.
    generate = engine.generate

    def late(request: Generate) -> Iterator[Event]:
        session.cancel()
        return generate(request)

    monkeypatch.setattr(engine, "generate", late)
    list(turn)
    assert transcript(session)[-1] == ("", "cancelled")


@pytest.mark.parametrize("phase", ["load", "encode", "prefill", "decode"])
def test_a_crash_keeps_the_words_and_the_next_question_is_answered(
    session: ChatSession, engine: FakeEngine, phase: str
) -> None:
    words = answer("A red") if phase == "decode" else ()
    if phase == "load":
        engine.script_load(crash("load"))
    else:
        engine.script(*words, crash(phase))
    with pytest.raises(EngineCrashed) as caught:
        ask(session, "What is this?")
    assert caught.value.phase == phase
    failed = session.transcript()[-1]
    assert failed.message.text == ("A red" if words else "")
    assert (failed.status, failed.error) == ("failed", str(caught.value))
    assert failed.error_kind == "EngineCrashed"
    ask(session, "Still there?")
    assert transcript(session)[-1] == ("Yes.", "complete")


def test_a_turn_that_is_dropped_keeps_its_words_and_cancels_its_request(
    session: ChatSession, engine: FakeEngine, store: ChatStore
) -> None:
    engine.script(*answer("A red", " circle"))
    turn = session.send("What is this?")
    while not isinstance(next(turn), Delta):
        pass
    turn.close()
    assert engine.abandoned == 1
    assert not session.busy
    assert session.chat is not None
    stored = store.thread(session.chat.id)[-1]
    assert (stored.message.text, stored.status) == ("A red", "cancelled")


def test_a_defect_of_the_engine_does_not_cost_the_words_either(
    session: ChatSession, engine: FakeEngine, store: ChatStore
) -> None:
    def defect() -> None:
        raise ZeroDivisionError("defect")

    engine.script(*answer("A red"), defect)
    with pytest.raises(ZeroDivisionError):
        ask(session, "What is this?")
    assert session.chat is not None
    stored = store.thread(session.chat.id)[-1]
    assert (stored.message.text, stored.status) == ("A red", "failed")
    assert not session.busy


def test_closing_in_mid_answer_saves_it_and_closes_the_engine(
    session: ChatSession, engine: FakeEngine, store: ChatStore, begin: Begin
) -> None:
    gate = Gate()
    engine.script(*answer("A red"), gate)
    turn = begin(session.send("What is this?"), gate)
    session.close()
    session.close()
    turn.join()
    assert engine.closed
    assert session.chat is not None
    stored = store.thread(session.chat.id)[-1]
    assert (stored.message.text, stored.status) == ("A red", "cancelled")


# ---------------------------------------------------------------------- what the model hears


def test_the_model_hears_the_whole_conversation(
    engine: FakeEngine, store: ChatStore, images: ImageStore, tmp_path: Path
) -> None:
    session = ChatSession(
        engine, store, images, LOAD, system="Be brief.", sampling=Sampling(temperature=0)
    )
    image = session.images.attach(picture(tmp_path / "a.png"))
    list(session.send("What is this?", [image]))
    ask(session, "And what colour?")
    assert engine.requests[-1].sampling == Sampling(temperature=0)
    assert engine.requests[-1].messages == (
        system("Be brief."),
        user("What is this?", (image,)),
        assistant("Yes."),
        user("And what colour?"),
    )


def test_a_picture_alone_is_a_question_and_gives_the_title(
    session: ChatSession, engine: FakeEngine, tmp_path: Path
) -> None:
    image = session.images.attach(picture(tmp_path / "red square.png"))
    list(session.send("", [image]))
    assert engine.requests[-1].messages == (user("", (image,)),)
    assert session.chat is not None
    assert session.chat.title == "red square.png"


def test_the_model_hears_what_came_of_an_unfinished_answer(
    session: ChatSession, engine: FakeEngine
) -> None:
    engine.script(*answer("A red"), crash("decode"))
    with pytest.raises(EngineCrashed):
        ask(session, "What is this?")
    ask(session, "Go on")
    assert engine.requests[-1].messages == (
        user("What is this?"),
        assistant("A red"),
        user("Go on"),
    )


def test_a_damaged_picture_does_not_make_every_later_question_fail(
    session: ChatSession, engine: FakeEngine, tmp_path: Path
) -> None:
    image = session.images.attach(picture(tmp_path / "a.png"))
    engine.script(ImageTruncated("a.png is cut off"))
    with pytest.raises(ImageTruncated):
        list(session.send("What is this?", [image]))
    ask(session, "Hello")
    assert engine.requests[-1].messages == (user("Hello"),)
    assert [text for text, _ in transcript(session)] == ["What is this?", "", "Hello", "Yes."]


def test_the_model_hears_a_question_as_it_was_stored(
    session: ChatSession, engine: FakeEngine
) -> None:
    ask(session, "caf\udce9")
    assert engine.requests[-1].messages == (user("caf\ufffd"),)


# ---------------------------------------------------------------------- regenerate and edit


def test_regenerating_answers_the_same_question_and_keeps_the_first_answer(
    session: ChatSession, engine: FakeEngine, store: ChatStore
) -> None:
    ask(session, "What is this?")
    first = session.transcript()[-1]
    engine.script(*answer("No."))
    events = list(session.regenerate())
    assert isinstance(events[0], AnswerStarted)
    assert engine.requests[-1].messages == (user("What is this?"),)
    assert transcript(session) == [("What is this?", "complete"), ("No.", "complete")]
    assert store.siblings(first.id) == [first.id, session.transcript()[-1].id]


def test_regenerating_before_there_is_a_question_is_an_error(session: ChatSession) -> None:
    with pytest.raises(EmptyPrompt, match="no question"):
        list(session.regenerate())


def test_a_regeneration_that_comes_to_nothing_shows_the_earlier_answer_again(
    session: ChatSession, engine: FakeEngine, store: ChatStore, begin: Begin
) -> None:
    ask(session, "What is this?")
    engine.script(crash("prefill"))
    with pytest.raises(EngineCrashed):
        list(session.regenerate())
    assert transcript(session)[-1] == ("Yes.", "complete")
    gate = Gate()
    engine.script(gate)
    turn = begin(session.regenerate(), gate)
    session.cancel()
    turn.join()
    assert transcript(session)[-1] == ("Yes.", "complete")
    assert session.chat is not None
    assert store.thread(session.chat.id)[-1].message.text == "Yes."


def test_a_failed_question_can_be_asked_again_by_regenerating(
    session: ChatSession, engine: FakeEngine
) -> None:
    engine.script(crash("prefill"))
    with pytest.raises(EngineCrashed):
        ask(session, "What is this?")
    list(session.regenerate())
    assert engine.requests[-1].messages == (user("What is this?"),)
    assert transcript(session) == [("What is this?", "complete"), ("Yes.", "complete")]


def test_editing_a_question_makes_a_branch_and_keeps_the_old_one(
    session: ChatSession, engine: FakeEngine, store: ChatStore
) -> None:
    for text in ("one", "two", "three"):
        ask(session, text)
    second = session.transcript()[2]
    old_leaf = session.transcript()[-1].id
    list(session.edit(second.id, "two, reworded"))
    assert [text for text, _ in transcript(session)] == [
        "one",
        "Yes.",
        "two, reworded",
        "Yes.",
    ]
    assert len(engine.requests[-1].messages) == 3
    assert session.chat is not None
    assert len(store.thread(session.chat.id, old_leaf)) == 6


def test_the_first_question_can_be_edited_too(session: ChatSession, store: ChatStore) -> None:
    ask(session, "one")
    list(session.edit(session.transcript()[0].id, "uno"))
    assert [text for text, _ in transcript(session)] == ["uno", "Yes."]
    assert len(store.recent()) == 1


# ---------------------------------------------------------------------- going on, drafts, pictures


def test_a_chat_goes_on_where_it_ended(
    session: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    ask(session, "one")
    engine = FakeEngine()
    later = ChatSession(engine, store, images, LOAD, chat=store.latest())
    assert [text for text, _ in transcript(later)] == ["one", "Yes."]
    ask(later, "two")
    assert [message.text for message in engine.requests[-1].messages] == ["one", "Yes.", "two"]


def test_two_sessions_in_one_chat_branch_and_neither_loses_a_word(
    session: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    ask(session, "one")
    other = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    ask(session, "mine")
    ask(other, "theirs")
    assert [text for text, _ in transcript(session)] == ["one", "Yes.", "mine", "Yes."]
    assert [text for text, _ in transcript(other)] == ["one", "Yes.", "theirs", "Yes."]


def test_another_chat_can_be_opened_between_turns(session: ChatSession, store: ChatStore) -> None:
    ask(session, "one")
    first = store.latest()
    session.open(None)
    assert session.transcript() == []
    ask(session, "two")
    assert len(store.recent()) == 2
    session.open(first)
    assert [text for text, _ in transcript(session)] == ["one", "Yes."]
    turn = session.send("three")
    next(turn)
    with pytest.raises(TurnRunning):
        session.open(None)
    turn.close()


def test_a_sent_draft_is_forgotten_and_an_unsent_one_is_not(
    session: ChatSession, store: ChatStore, images: ImageStore, tmp_path: Path
) -> None:
    image = session.images.attach(picture(tmp_path / "a.png"))
    session.questions.save_draft("What is", [image])
    assert session.questions.draft() == Draft("What is", (image,))
    list(session.send("What is this?", [image]))
    assert session.questions.draft() == Draft()
    assert ChatSession(FakeEngine(), store, images, LOAD).questions.draft() == Draft()
    session.questions.save_draft("And")
    assert session.questions.draft() == Draft("And")


def test_an_attached_picture_stays_when_its_file_is_gone(
    session: ChatSession, store: ChatStore, tmp_path: Path
) -> None:
    source = picture(tmp_path / "Ünterwegs.PNG")
    image = session.images.attach(source)
    content = source.read_bytes()
    source.unlink()
    assert (image.name, image.width, image.height) == ("Ünterwegs.PNG", 8, 6)
    assert Path(image.path).read_bytes() == content
    list(session.send("What is this?", [image]))
    assert session.transcript()[0].message.images == (image,)


def test_equal_pictures_under_different_names_are_one_file(
    session: ChatSession, tmp_path: Path
) -> None:
    one = picture(tmp_path / "one.png")
    two = tmp_path / "two.picture"
    two.write_bytes(one.read_bytes())
    assert session.images.attach(one).path == session.images.attach(str(two)).path


def test_a_path_may_begin_with_the_home_directory(
    session: ChatSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    picture(tmp_path / "a.png")
    assert session.images.attach("~/a.png").name == "a.png"
    with pytest.raises(ImageNotFound):
        session.images.attach("~nobody-of-that-name/a.png")


def test_what_is_no_picture_is_not_kept(session: ChatSession, path: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(NotAnImage):
        session.images.attach(tmp_path / "a.txt")
    with pytest.raises(ImageNotFound):
        session.images.attach(tmp_path / "absent.png")
    assert not (path.parent / "images").exists()


def test_a_picture_that_cannot_be_kept_is_a_storage_error(
    session: ChatSession, path: Path, tmp_path: Path
) -> None:
    (path.parent / "images").write_text("in the way")
    with pytest.raises(StorageError):
        session.images.attach(picture(tmp_path / "a.png"))
