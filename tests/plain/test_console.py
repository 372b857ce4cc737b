"""The plain chat with an engine that plays scripts: what it tells of what happens."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.fakes import INFO, LOAD, STATS, FakeEngine, Gate, answer
from tests.ui.test_chat_models import FakeShelf
from tests.web import png
from vlmtui.chat.session import ChatSession
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import Ask, Said
from vlmtui.engine.engine_events import (
    Adjusted,
    Capability,
    Delta,
    Encoded,
    Encoding,
    Finished,
    Loaded,
    Loading,
    Prefill,
    Thought,
    Trimmed,
    Waiting,
)
from vlmtui.errors import EngineCrashed, GenerateFailed, LoadFailed
from vlmtui.messages import assistant
from vlmtui.plain import showing_steps
from vlmtui.plain.console import Console
from vlmtui.plain.event_lines import EventPrinter
from vlmtui.plain.line_reader import LineReader
from vlmtui.plain.plain_chat import PlainChat
from vlmtui.plain.printer import Answer, Printer
from vlmtui.settings import PRESETS
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore
from vlmtui.storage.records import StoredMessage


class Talk:
    """A plain chat to which a script speaks."""

    def __init__(self, session: ChatSession, engine: FakeEngine) -> None:
        self.session = session
        self.engine = engine
        self.answers = io.StringIO()
        self.notes = io.StringIO()

    def begin(self, *lines: str) -> Console:
        """A console, with these lines to be read."""
        sys.stdin = io.StringIO("".join(f"{line}\n" for line in lines))
        printer = Printer(self.answers, self.notes)
        return Console(CommandContext(self.session, FakeShelf(), PRESETS), printer, LineReader())

    def say(self, *lines: str) -> int:
        """Say these lines; returns the exit code."""
        return PlainChat(self.begin(*lines)).run()

    @property
    def said(self) -> str:
        return self.answers.getvalue()

    @property
    def told(self) -> str:
        return self.notes.getvalue()


class Opening(io.StringIO):
    """Opens a gate when something is written."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def write(self, text: str) -> int:
        self._gate.open()
        return super().write(text)


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    monkeypatch.setattr(sys, "stdin", sys.stdin)  # put back afterwards
    store = ChatStore(Database(tmp_path / "chats.db"))
    engine = FakeEngine()
    session = ChatSession(engine, store, ImageStore(tmp_path / "images"), LOAD)
    yield Talk(session, engine)
    session.close()
    store.close()


def test_each_phase_is_one_line_however_often_it_moves(talk: Talk) -> None:
    talk.engine.script_load(*(Loading(step / 50) for step in range(50)))
    talk.engine.script(
        Encoding(1, 2),
        Encoded(0, 80, 1.0, False),
        Encoding(2, 2),
        Encoded(1, 80, 1.0, False, (336, 336)),
        *(Prefill(step * 100, 4000, 0) for step in range(40)),
        *answer("Two."),
    )
    assert talk.say("What?") == 0
    assert talk.told.splitlines() == [
        "Loading the model …",
        "Encoding picture 1 of 2 …",
        "Encoding picture 2 of 2 …",
        "A picture was scaled down to 336×336 pixels: in full it would fill the context",
        "A larger ctx in the settings leaves room for more pixels",
        "Reading 4,000 tokens …",
    ]
    assert talk.said == "Two.\n"


def test_a_thought_is_a_line_and_shown_when_it_is_wanted(talk: Talk) -> None:
    stats = msgspec.structs.replace(STATS, thought_tokens=340, thought_s=12.0)
    thoughts = (Thought("Let me ", 1), Thought("see.\x1b[2J", 2))
    talk.engine.script(*thoughts, *answer("Red."), Finished("stop", stats))
    assert talk.say("What?", "/thought", "/show #2") == 0
    assert talk.told.splitlines()[1:] == [
        "Thinking …",
        "Thought for 12.0 s, 340 tokens; /thought shows it",
    ]
    assert talk.said.splitlines() == ["Red.", "Let me see.␛[2J", "#2 fake: Red."]


def test_ctrl_c_ends_a_thought_and_stops_nothing(talk: Talk) -> None:
    talk.engine._info = msgspec.structs.replace(INFO, can=INFO.can | {"conclude"})
    talk.engine.script(
        *(Thought("Hm", 1), lambda: os.kill(os.getpid(), signal.SIGINT), Gate()),
        *answer("Red."),
    )
    told = talk.begin().follow(talk.session.send("What?"))
    assert (talk.engine.concludes, talk.engine.cancels) == (1, 0)
    assert talk.said == "Red.\n"
    assert not told.stopped


def test_a_thought_without_an_answer_is_told(talk: Talk) -> None:
    talk.engine.script(Thought("Let me", 1), Finished("length", STATS))
    talk.say("What?")
    assert "The model thought up to the length limit and gave no answer" in talk.told


def test_what_the_load_in_the_background_gave_up_is_told_before_the_next_answer(
    talk: Talk,
) -> None:
    talk.engine.script_load(
        Adjusted("fake needs 7.3 GB, 6.1 GB are free", "a context of 2,048 tokens")
    )
    do = talk.begin("What?", "And?")
    loading = threading.Thread(target=do.load_ahead)
    loading.start()
    loading.join()
    assert talk.told == ""
    assert PlainChat(do).run() == 0
    assert (
        talk.told
        == "fake needs 7.3 GB, 6.1 GB are free\nIt is loaded with a context of 2,048 tokens\n"
    )


def test_what_a_load_gives_up_that_goes_on_when_the_question_comes_is_told_with_its_answer(
    talk: Talk,
) -> None:
    gate = Gate()
    talk.engine.script_load(gate, Adjusted("fake needs 48 GB, 13 GB are free", "less"))
    talk.engine.script(*answer("Red."))
    do = talk.begin()
    loading = threading.Thread(target=do.load_ahead)
    loading.start()
    gate.wait_reached()

    def asked() -> Iterator[object]:
        for event in talk.session.send("What?"):
            gate.open()
            yield event

    do.follow(asked())
    loading.join()
    assert talk.told == "fake needs 48 GB, 13 GB are free\nIt is loaded with less\n"


def test_an_unforeseen_error_of_the_load_in_the_background_is_in_the_log_alone(
    talk: Talk, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd() -> None:
        raise ValueError("odd")

    talk.engine.script_load(odd)
    do = talk.begin("What?")
    do.load_ahead()
    assert PlainChat(do).run() == 0
    assert "odd" in (home / "state" / "vlmtui.log").read_text()
    assert "odd" not in talk.told + "".join(capsys.readouterr())


def test_whom_the_model_waits_for_is_told_with_the_question(talk: Talk) -> None:
    waiting = Waiting(1, "pts/3", "large")
    talk.engine.script_load(waiting, waiting)
    talk.engine.script_load(waiting, waiting, Loading(0.5))
    talk.engine.script(*answer("Red."))
    do = talk.begin("What?")
    do.load_ahead()
    assert PlainChat(do).run() == 0
    assert talk.told.splitlines() == [
        "Waiting for large to finish its answer (pts/3): no memory for both models …",
        "Loading the model …",
    ]


def test_a_script_sees_an_answer_of_another_to_its_end_before_it_goes_on(
    talk: Talk, tmp_path: Path
) -> None:
    theirs = ChatStore(Database(tmp_path / "chats.db"))
    engine, gate = FakeEngine(), Gate()
    engine.script(Delta("Red", 1), Delta(" circle.", 2), gate, Finished("stop", STATS))
    images = ImageStore(tmp_path / "images")
    with closing(theirs), closing(ChatSession(engine, theirs, images, LOAD)) as other:
        events = other.send("What?")
        while not isinstance(next(events), Delta):
            pass
        talk.session.open(theirs.latest())
        talk.engine.script(*answer("Yes."))
        talk.notes = Opening(gate)
        finishing = threading.Thread(target=lambda: list(events))
        finishing.start()
        assert talk.say("Really?") == 0
        finishing.join()
    assert talk.said == "Red circle.\nYes.\n"


def test_what_a_model_says_reaches_the_terminal_as_text(talk: Talk) -> None:
    talk.engine.script(Delta("\x1b]0;owned\x07\x1b[2J", 1), Delta("\r\x9b31m‮abc", 2))
    talk.say("What?")
    assert not set(talk.said) & {"\x1b", "\x07", "\r", "\x9b", "‮"}
    assert "owned" in talk.said


@pytest.mark.parametrize(
    ("pieces", "printed"),
    [
        (("One. T", "wo"), "One. "),
        (("これは猫です。そ", "れ"), "これは猫です。"),
        (("`a.b` is", " code"), ""),
        (("a line\nhal", "f"), "a line\n"),
    ],
)
def test_an_answer_is_printed_by_whole_sentences_and_lines(
    pieces: tuple[str, ...], printed: str
) -> None:
    stream = io.StringIO()
    growing = Answer(Printer(stream, stream))
    for piece in pieces:
        growing.feed(piece)
    assert stream.getvalue() == printed
    growing.end()
    assert stream.getvalue() == "".join(pieces) + "\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (GenerateFailed("The picture is too strange", "Take another"), "Take another"),
        (EngineCrashed("decoding", "exit code 9", log_tail="GGML_ASSERT(false)"), "GGML_ASSERT"),
    ],
)
def test_an_answer_that_breaks_off_is_kept_and_told(
    talk: Talk, error: Exception, told: str
) -> None:
    talk.engine.script(Delta("Half of it", 1), error)
    assert talk.say("What?", "/show") == 1
    assert talk.said.startswith("Half of it\n")
    assert "#2 fake (failed): Half of it" in talk.said
    assert "Error: " in talk.told
    assert told in talk.told


def test_what_left_the_context_is_told_and_each_picture_once(talk: Talk, tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(png())
    talk.engine.script(*answer("A cat."))
    talk.engine.script(Trimmed(2, 1), *answer("Yes."))
    talk.engine.script(Trimmed(4, 1), *answer("No."))
    talk.say(f"@{picture} What?", "Really?", "Really?")
    assert "the 2 oldest messages, with 1 picture, are no longer seen" in talk.told
    assert talk.told.count("No longer seen by the model: cat.png\n") == 1


def test_what_is_attached_goes_along_to_another_chat(talk: Talk, tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(png())
    talk.say("One?", f"/image {picture}", "/new", "What?")
    assert [len(request.messages[-1].images) for request in talk.engine.requests] == [0, 1]


def test_each_chat_keeps_what_was_attached_in_it(talk: Talk, tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(png())
    talk.say("One?", "/new", "Two?", f"/image {picture}", "/open 1", "Here?", "/open 2", "There?")
    sent = [len(request.messages[-1].images) for request in talk.engine.requests]
    assert sent == [0, 0, 0, 1]


def test_a_model_that_can_not_be_used_leaves_the_one_from_before(talk: Talk) -> None:
    talk.engine.script_load()
    talk.engine.script_load(LoadFailed("It is damaged", "Fetch it again"))
    assert talk.say("What?", "/model llava:7b", "And now?") == 1
    assert "Error: llava:7b can't be used: It is damaged" in talk.told
    assert "fake is loaded again" in talk.told
    assert talk.said == "Yes.\nYes.\n"
    assert [load.name for load in talk.engine.loads] == ["fake", "llava:7b", "fake"]


def test_comparing_goes_on_when_one_of_the_models_fails(talk: Talk) -> None:
    talk.engine.script_load(LoadFailed("It is damaged", "Fetch it again"))
    talk.say("/compare qwen2.5-vl-3b llava:7b What is it?", "/model")
    assert talk.said == "qwen2.5-vl-3b:\nllava:7b:\nYes.\n"
    assert "It is damaged" in talk.told
    assert "fake is in use again" in talk.told
    assert [load.name for load in talk.engine.loads] == ["qwen2.5-vl-3b", "llava:7b", "fake"]


def test_pictures_of_a_question_that_can_not_be_saved_go_with_the_next(
    talk: Talk, tmp_path: Path
) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(png())
    console = talk.begin(f"/image {picture}", "What?")
    with closing(sqlite3.connect(tmp_path / "chats.db")) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON messages "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        assert PlainChat(console).run() == 1
        assert "refused" in talk.told
        assert console.begun == "What?"  # stands in the next line of a terminal
        database.execute("DROP TRIGGER refuse")
    sys.stdin = io.StringIO("What, now?\n")
    PlainChat(console).run()
    (request,) = talk.engine.requests
    assert [image.name for image in request.messages[-1].images] == ["cat.png"]
    assert not console.waiting


def test_a_question_for_two_models_that_both_fail_is_not_lost(talk: Talk, tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(png())
    for _ in range(2):
        talk.engine.script_load(LoadFailed("It is damaged", "Fetch it again"))
    compare = "/compare qwen2.5-vl-3b llava:7b What is it?"
    console = talk.begin(f"/image {picture}", compare)
    assert PlainChat(console).run() == 1
    assert talk.told.count("It is damaged") == 2
    assert console.begun == compare
    assert [image.name for image in console.waiting] == ["cat.png"]
    assert talk.session.chat is None


def test_the_mark_of_another_model_stands_where_it_began_to_answer(talk: Talk) -> None:
    talk.say("One?", "/model llava:7b", "Two?", "/show all")
    shown: Callable[[str], int] = talk.said.index
    assert shown("#2 fake: ") < shown("From here on llava:7b answers.") < shown("#4 llava:7b: ")


@pytest.mark.parametrize(("can", "offered"), [({"continue"}, True), (set(), False)])
def test_a_stopped_answer_is_only_continued_by_a_model_that_can(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, can: set[Capability], offered: bool
) -> None:
    console = talk.begin()
    stopped = EventPrinter(console.printer)
    stopped.stopped = True
    stopped.answers = [StoredMessage(2, 1, assistant("A red"), "cancelled", 0.0)]
    monkeypatch.setattr(console, "follow", lambda *_, **__: stopped)
    console.measuring.notice(Loaded(msgspec.structs.replace(INFO, can=frozenset(can))))
    said = showing_steps.take(console, Ask(talk.session.continue_answer))
    assert isinstance(said, Said)
    assert ("/continue" in said.message) is offered
    assert "/regen answers again" in said.message
