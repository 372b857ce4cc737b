"""Help pages as one reads them."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from vlmtui.cli.commands import parse_and_run, vlmtui


def pages(command: click.Command, *names: str) -> Iterator[tuple[str, str]]:
    """The help of a command and of those below it."""
    with click.Context(command, info_name=" ".join(names), terminal_width=80) as context:
        yield " ".join(names), command.get_help(context)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from pages(below, *names, name)


def numbers(command: click.Command) -> Iterator[click.types.IntParamType]:
    """The types of all whole numbers that a command and those below it take."""
    for parameter in command.params:
        if isinstance(parameter.type, click.types.IntParamType):
            yield parameter.type
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from numbers(below)


def test_whole_numbers_end_where_databases_and_libraries_end() -> None:
    found = list(numbers(vlmtui))
    assert len(found) > 5
    for number in found:
        assert isinstance(number, click.IntRange)
        assert number.max is not None and number.max < 2**63


PAGES = dict(pages(vlmtui, "vlmtui"))


@pytest.mark.parametrize("name", PAGES)
def test_a_help_page_shows_no_marks_of_its_source_and_fits_the_screen(name: str) -> None:
    page = PAGES[name]
    assert "\\" not in page
    assert max(len(line) for line in page.splitlines()) <= 100


def test_examples_stand_on_lines_of_their_own() -> None:
    assert "\n    vlmtui models pull qwen2.5-vl-3b\n" in PAGES["vlmtui models pull"]
    assert "\n    vlmtui bench --json > before.json; vlmtui bench" in PAGES["vlmtui bench"]


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("modles", "Did you mean `vlmtui models`?"),
        ("my photo.jpg", "`vlmtui ask 'my photo.jpg'` asks that."),
        ("./photo.jpg", "`vlmtui ask ./photo.jpg 'What is it?'` asks about a picture."),
        ("llava.gguf", "`vlmtui --model llava.gguf` opens the chat with a model."),
        ("\x1b[31m", "lists the commands."),
    ],
)
def test_a_word_that_is_no_command_is_answered_with_what_may_be_meant(
    word: str, instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_and_run([word]) == 2
    told = capsys.readouterr().err
    assert instead in told and "There is no command" in told and "\x1b" not in told
