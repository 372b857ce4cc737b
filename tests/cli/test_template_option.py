"""`--template` and `[templates]`: a chat template of one's choice, by name or from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SHORT = ("--temperature", "0", "--max-tokens", "3", "--json", "Hello")


def tokens_of_prompt(out: str) -> int:
    return int(json.loads(out)["stats"]["prompt_tokens"])


def test_a_template_is_taken_by_name_from_a_file_and_from_the_settings(
    run: Run, tmp_path: Path, home: Path
) -> None:
    own = run("ask", *SHORT)
    named = run("ask", "--template", "llama-3", *SHORT)
    assert (own.code, named.code) == (0, 0)
    assert tokens_of_prompt(named.out) > tokens_of_prompt(own.out)  # its markers are text here
    file = tmp_path / "mine.jinja"
    file.write_text("{{ messages[-1].content }}:")
    given = run("ask", "--template", file, *SHORT)
    assert tokens_of_prompt(given.out) < tokens_of_prompt(own.out)
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[templates]\ndemo = "{file}"\n')
    assert tokens_of_prompt(run("ask", *SHORT).out) == tokens_of_prompt(given.out)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 2, "no chat template"),
        (b"\xff\xfe\x00", 2, "UTF-8"),
        (b"{% for %}", 1, "broken"),
    ],
)
def test_one_that_can_not_be_used_is_told_with_those_that_can(
    run: Run, tmp_path: Path, content: bytes | None, code: int, said: str
) -> None:
    file = tmp_path / "mine.jinja"
    if content is not None:
        file.write_bytes(content)
    ended = run("ask", "--template", file, *SHORT)
    assert ended.code == code
    assert said in ended.err and "chatml" in ended.err
    assert ended.out == ""
