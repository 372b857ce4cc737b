"""Help pages as one reads them."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from vlmtui.cli.commands import vlmtui


def pages(command: click.Command, *names: str) -> Iterator[tuple[str, str]]:
    """The help of a command and of those below it."""
    with click.Context(command, info_name=" ".join(names), terminal_width=80) as context:
        yield " ".join(names), command.get_help(context)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from pages(below, *names, name)


PAGES = dict(pages(vlmtui, "vlmtui"))


@pytest.mark.parametrize("name", PAGES)
def test_a_help_page_shows_no_marks_of_its_source_and_fits_the_screen(name: str) -> None:
    page = PAGES[name]
    assert "\\" not in page
    assert max(len(line) for line in page.splitlines()) <= 100


def test_examples_stand_on_lines_of_their_own() -> None:
    assert "\n    vlmtui models pull qwen2.5-vl-3b\n" in PAGES["vlmtui models pull"]
    assert "\n    vlmtui bench --json > before.json; vlmtui bench" in PAGES["vlmtui bench"]
