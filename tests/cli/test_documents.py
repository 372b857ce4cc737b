"""What README and docs tell people to type is there: commands, options, targets, files, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click_default_group import DefaultGroup

from tests.processes import ROOT
from vlmtui.cli.commands import vlmtui
from vlmtui.commands import specs, synonyms

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("training/*.md")],
    key=lambda path: path.name,
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)


def code(document: Path) -> Iterator[str]:
    """Lines of code blocks, and what stands in backquotes."""
    text = document.read_text()
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        yield from (line.strip().removeprefix("$ ") for line in block.splitlines())
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from (" ".join(words.split()) for words in re.findall(r"`([^`]+)`", prose))


def calls(line: str) -> Iterator[list[str]]:
    """The words behind each `vlmtui` that is called in a line."""
    for rest in re.findall(
        r"(?:^|[|;&] *|\.venv/bin/)vlmtui((?: [^|;&)#>]*)?)(?=$|[|;&)#>])", line
    ):
        try:
            yield shlex.split(rest)
        except ValueError:  # an apostrophe in an explanation
            yield rest.split()


def wrong_in(words: list[str]) -> list[str]:
    """The words of a call that no command or option is behind."""
    command: click.Command = vlmtui
    words = [word for word in words if word not in ("…", "COMMAND")]
    while isinstance(command, click.Group):
        if words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        elif isinstance(command, DefaultGroup) and not (words and words[0][0].isalpha()):
            command = command.commands[command.default_cmd_name]
        else:
            return [word for word in words if word not in ("--help", "--version")]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [option for option in options if option not in known | {"--help", "--version"}]


@each_document
def test_every_command_and_option_exists(document: Path) -> None:
    wrong = {line: wrong_in(words) for line in code(document) for words in calls(line)}
    assert not {line: words for line, words in wrong.items() if words}


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    for line in (
        "vlmtui eat",
        "vlmtui models eat",
        "vlmtui --frob",
        "make run; vlmtui ask --imag a.png 'x'",
    ):
        assert any(wrong_in(words) for words in calls(line)), line
    assert list(calls("camera | vlmtui ask --image - --json 'x' | jq")) == [
        ["ask", "--image", "-", "--json", "x"]
    ]


@pytest.mark.parametrize("name", ["README", "CHANGELOG", "docs/chat", "docs/plain"])
def test_every_slash_command_exists(name: str) -> None:
    said = {word for line in code(ROOT / f"{name}.md") for word in re.findall(r"^/([a-z]+)$", line)}
    there = {spec.name for spec in specs.SPECS}
    assert said
    assert not [word for word in said if word not in there and not synonyms.named(word)]


@each_document
def test_every_file_and_link_exists(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    folders = "src|tests|bench|scripts|docker|training|themes|docs|screenshots"
    files = [word for word in code(document) if re.fullmatch(rf"(?:{folders})/[\w./-]+", word)]
    assert not [link for link in links if not (document.parent / link).exists()]
    assert not [
        file for file in files if not ((ROOT / file).exists() or (document.parent / file).exists())
    ]


@each_document
def test_every_target_of_make_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = {word for line in code(document) for word in re.findall(r"^make ([a-z]+)", line)}
    assert said <= targets


def test_every_module_that_the_architecture_names_exists() -> None:
    package = ROOT / "src" / "vlmtui"
    named = {
        word
        for word in code(ROOT / "docs" / "architecture.md")
        if re.fullmatch(r"(?!tests/|docs/)[a-z_]+(?:/[a-z_*]+)+(?:\.py|/)?", word)
    }
    assert named
    assert not [word for word in named if not [*package.rglob(word), *package.rglob(f"{word}.py")]]
