"""What a shell is told while somebody types, by the installed program."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, lines


def offered(run: Run, line: str) -> list[str]:
    """What bash would offer at the end of a line."""
    words = ["vlmtui", *line.split(" ")]
    env = {
        "_VLMTUI_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    ended = run(env=env)
    assert ended.code == 0
    assert ended.err == ""
    return [found.partition(",")[2] for found in ended.out.split("\n") if found]


def test_commands_and_the_options_of_the_chat_are_offered(run: Run) -> None:
    assert {"ask", "chats", "models", "completion"} <= set(offered(run, ""))
    assert offered(run, "mod") == ["models"]
    assert offered(run, "--con") == ["--continue"]
    assert "ls" not in offered(run, "models l")
    assert offered(run, "models li") == ["list"]


def test_lists_are_called_as_hands_call_them(run: Run) -> None:
    for command in (("models",), ("models", "list"), ("models", "ls")):
        assert "demo" in run(*command, "--here").out
    assert run("chats", "ls", "--json").out == run("chats", "list", "--json").out == "[]\n"


@pytest.mark.parametrize("line", ["--model ", "ask -m ", "chat --model d", "models info de"])
def test_models_are_offered_by_name(run: Run, line: str) -> None:
    assert "demo" in offered(run, line)


def test_what_can_be_downloaded_is_offered_where_that_makes_sense(run: Run) -> None:
    assert "vila1.5-3b" in offered(run, "models pull vila")
    assert "vila1.5-3b" not in offered(run, "--model vila")


def test_chats_are_offered_by_number(run: Run) -> None:
    assert offered(run, "chats show ") == []
    assert run("--plain", stdin=lines("What are you?")).code == 0
    assert offered(run, "chats show ") == ["1"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_it_understands(run: Run, shell: str) -> None:
    ended = run("completion", shell)
    assert ended.code == 0
    assert "_VLMTUI_COMPLETE" in ended.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ended.out.encode(), check=True, timeout=60)
    assert run("completion", "tcsh").code == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="bash isn't installed")
def test_bash_completes_a_line_with_it(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "vlmtui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m vlmtui "$@"\n')
    program.chmod(0o755)
    script = run("completion", "bash").out
    typed = "COMP_WORDS=(vlmtui mod); COMP_CWORD=1; _vlmtui_completion vlmtui; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        ["bash", "-c", f"PATH={program.parent}:$PATH\n{script}\n{typed}"],
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == [b"models"]
