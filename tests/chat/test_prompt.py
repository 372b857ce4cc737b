"""What of a conversation the model is told: always turn by turn."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from vlmtui.chat.prompt_messages import present, prompt
from vlmtui.messages import ImagePart, Message, Role, assistant, system, user
from vlmtui.storage.records import Status, StoredMessage

A = ImagePart("/a.png", "a" * 64, "a.png", 8, 6)
B = ImagePart("/b.png", "b" * 64, "b.png", 8, 6)

_ids = itertools.count(1)


def asked(text: str, *images: ImagePart) -> StoredMessage:
    return StoredMessage(next(_ids), None, user(text, images), "complete", 0.0)


def answered(
    text: str, status: Status = "complete", error_kind: str | None = None
) -> StoredMessage:
    return StoredMessage(next(_ids), None, assistant(text), status, 0.0, error_kind=error_kind)


def test_a_system_prompt_comes_first_and_an_empty_one_not_at_all() -> None:
    assert prompt([asked("q")], "Be brief.") == (system("Be brief."), user("q"))
    assert prompt([asked("q")], " \n") == (user("q"),)


@pytest.mark.parametrize("status", ["cancelled", "failed", "interrupted"])
def test_a_part_of_an_answer_is_told(status: Status) -> None:
    thread = [asked("one"), answered("A re", status, "EngineCrashed"), asked("two")]
    assert prompt(thread) == (user("one"), assistant("A re"), user("two"))


@pytest.mark.parametrize("status", ["cancelled", "interrupted", "complete"])
def test_unanswered_questions_become_one(status: Status) -> None:
    thread = [asked("one", A), answered(" ", status), asked("two", B)]
    assert prompt(thread) == (user("one\n\ntwo", (A, B)),)


def test_a_repeated_question_counts_once() -> None:
    thread = [asked("one", A), answered("", "cancelled"), asked("one", A)]
    assert prompt(thread) == (user("one", (A,)),)


def test_a_question_that_shows_a_picture_twice_still_does() -> None:
    assert prompt([asked("same?", A, A)]) == (user("same?", (A, A)),)
    thread = [asked("wait"), answered("", "cancelled"), asked("same?", A, A)]
    assert prompt(thread) == (user("wait\n\nsame?", (A, A)),)


@pytest.mark.parametrize(
    "kind", ["ImageTruncated", "ContextOverflow", "EngineCrashed", "GenerateFailed", None]
)
def test_a_question_that_failed_is_left_out(kind: str | None) -> None:
    thread = [asked("bad", A), answered("", "failed", kind), asked("good")]
    assert prompt(thread) == (user("good"),)


def test_a_question_is_not_to_blame_for_a_model_that_could_not_be_loaded() -> None:
    thread = [asked("one", A), answered("", "failed", "LoadFailed"), asked("try again")]
    assert prompt(thread) == (user("one\n\ntry again", (A,)),)


def test_a_failure_blames_only_its_own_question() -> None:
    thread = [
        asked("fine"),
        answered("", "cancelled"),
        asked("bad", A),
        answered("", "failed", "ImageTruncated"),
        asked("good"),
    ]
    assert prompt(thread) == (user("fine\n\ngood"),)


def test_the_question_to_answer_is_told_even_when_it_failed_before() -> None:
    assert prompt([asked("bad", A)]) == (user("bad", (A,)),)


OUTCOMES: list[tuple[str, Status, str | None]] = [
    ("answer", "complete", None),
    ("half", "cancelled", None),
    ("half", "failed", "EngineCrashed"),
    ("half", "interrupted", None),
    ("", "complete", None),
    ("", "cancelled", None),
    ("", "failed", "ImageTruncated"),
    ("", "failed", "LoadFailed"),
    ("", "interrupted", None),
]


def roles(messages: tuple[Message, ...]) -> list[Role]:
    return [message.role for message in messages]


def test_whatever_happened_the_turns_alternate_and_end_with_the_question() -> None:
    for outcomes in itertools.product(OUTCOMES, repeat=3):
        thread: list[StoredMessage] = []
        for number, outcome in enumerate(outcomes):
            thread += [asked(f"question {number}"), answered(*outcome)]
        told = prompt([*thread, asked("the last")], "system")
        assert told[0].role is Role.SYSTEM
        assert roles(told[1:]) == [Role.USER, Role.ASSISTANT] * (len(told[1:]) // 2) + [Role.USER]
        assert told[-1].text.endswith("the last")
        assert all(message.parts for message in told)


@pytest.mark.parametrize("kind", ["ContextOverflow", "EngineCrashed", "GenerateFailed", None])
def test_another_model_is_asked_what_one_failed_at(kind: str | None) -> None:
    failed = msgspec.structs.replace(answered("", "failed", kind), model="blind")
    thread = [asked("what is it?", A), failed, asked("and now?")]
    assert prompt(thread, model="blind") == (user("and now?"),)
    assert prompt(thread, model="seeing") == (user("what is it?\n\nand now?", (A,)),)


def test_a_damaged_picture_is_shown_to_no_model() -> None:
    failed = msgspec.structs.replace(answered("", "failed", "ImageTruncated"), model="one")
    thread = [asked("what is it?", A), failed, asked("and now?")]
    assert prompt(thread, model="another") == (user("and now?"),)


def test_a_picture_that_was_missing_blames_nobody(tmp_path: Path) -> None:
    thread = [asked("one", A), answered("", "failed", "ImageNotFound"), asked("two")]
    assert prompt(thread) == (user("one\n\ntwo", (A,)),)


def test_missing_pictures_are_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"there")
    there = msgspec.structs.replace(B, path=str(tmp_path / "b.png"))
    messages = (user("compare", (A, there)), assistant("yes"), user("again", (A,)))
    told, missing = present(messages)
    assert missing == (A,)
    assert told[0].images == (there,)
    assert told[2].images == ()
    assert "a.png is missing" in told[2].text and "again" in told[2].text
    assert present(told) == (told, ())
