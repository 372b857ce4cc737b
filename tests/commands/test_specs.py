from __future__ import annotations

import pytest

from vlmtui.commands import synonyms
from vlmtui.commands.parsing import image_line, numbered, parse, split_paths
from vlmtui.commands.specs import beginning_with, find, of, slashed, wanted
from vlmtui.errors import InputError


def test_a_slash_and_a_word_is_a_command() -> None:
    command = parse("/image a.png b.png ")
    assert command is not None
    assert (command.name, command.argument) == ("image", "a.png b.png")


def test_an_unknown_command_is_told_from_text() -> None:
    command = parse("/foo")
    assert command is not None
    assert find(command.name) is None


@pytest.mark.parametrize("text", ["/data/cat.png what?", " /new", "a /new", "//", "/1", ""])
def test_text_with_a_slash_is_text(text: str) -> None:
    assert parse(text) is None


def test_commands_are_found_by_their_beginning() -> None:
    assert [spec.name for spec in beginning_with("/IM")] == ["image", "import"]
    assert beginning_with("/") == of("screen")
    assert beginning_with("/xyz") == []


def test_commands_are_found_by_what_others_call_them() -> None:
    assert [spec.name for spec in beginning_with("/exi")] == ["quit"]
    assert beginning_with("/exi", "lines") == []
    with pytest.raises(InputError, match="There is no command /photo") as told:
        wanted("photo", "lines")
    assert told.value.hint.startswith("Did you mean /image? ")
    assert all(map(find, synonyms.ALSO))


@pytest.mark.parametrize("text", [":q", "/bye", " /exit "])
def test_hands_that_know_other_programs_find_the_way_out(text: str) -> None:
    command = parse(text)
    assert command is not None
    assert command.name == "quit"


@pytest.mark.parametrize(
    ("argument", "paths"),
    [
        ("a.png b.png", ["a.png", "b.png"]),
        ('"two words.png" c.png', ["two words.png", "c.png"]),
        ("two\\ words.png", ["two words.png"]),
        ("it's.png", ["it's.png"]),
        ("'it'\\''s.png' 'b'\"'\"'.png'", ["it's.png", "b'.png"]),
        ("'never closed.png", ["never closed.png"]),
        ('"never closed.png', ["never closed.png"]),
        (r"$'it\'s \303\244.png' c.png", ["it's ä.png", "c.png"]),
        ("", []),
        ("\\", ["\\"]),
        ("a\\", ["a\\"]),
    ],
)
def test_paths_are_split_as_a_shell_would(argument: str, paths: list[str]) -> None:
    assert split_paths(argument) == paths


def test_a_line_of_paths_reads_back_as_the_same_paths() -> None:
    paths = ["a.png", "two words.png", 'it\'s "odd".png']
    assert split_paths(image_line(paths).removeprefix("/image ")) == paths


@pytest.mark.parametrize(
    ("argument", "number", "rest"),
    [
        ("", None, ""),
        ("What?", None, "What?"),
        ("# a heading", None, "# a heading"),
        ("#17", 17, ""),
        ("#17 What?", 17, "What?"),
        (f"#{2**63 - 1}", 2**63 - 1, ""),
    ],
)
def test_an_argument_may_begin_with_the_number_of_a_message(
    argument: str, number: int | None, rest: str
) -> None:
    assert numbered(argument) == (number, rest)


@pytest.mark.parametrize(
    "argument", ["#17b", "#17.", "#-1 What?", "#+1", f"#{2**63}", "#99999999999999999999 What?"]
)
def test_a_number_that_no_message_can_have_is_told(argument: str) -> None:
    with pytest.raises(InputError):
        numbered(argument)


def test_an_argument_is_missed_and_one_too_many_is_told() -> None:
    new, image = wanted("new", "screen"), wanted("image", "lines")
    new.check("")
    image.check("a.png")
    with pytest.raises(InputError, match="/new takes no argument"):
        new.check("now")
    with pytest.raises(InputError, match="/image needs a path"):
        image.check("''")


def test_what_is_mistyped_is_guessed() -> None:
    with pytest.raises(InputError) as told:
        wanted("mdoel", "screen")
    assert told.value.hint.startswith("Did you mean /model?")


def test_advice_for_a_shell_names_the_commands_of_the_chat() -> None:
    assert slashed("`vlmtui models` lists them.") == "/models lists them."
    assert slashed("`vlmtui models pull qwen`, then") == "/models pull qwen, then"
    unknown = "`vlmtui models add --endpoint URL` adds one"
    assert slashed(unknown) == unknown
