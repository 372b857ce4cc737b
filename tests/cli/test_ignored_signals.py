"""Programs that are started with signals ignored: by nohup, or in the background of a script."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM
from tests.terminals import TIMEOUT, Terminal, children, wait_gone

DEAF = ("sh", "-c", 'trap \'\' HUP INT QUIT; exec "$0" "$@"', *PROGRAM)
NO_INPUT = ("sh", "-c", 'exec "$0" "$@" 0>/dev/null', *PROGRAM)
"""nohup puts /dev/null, open for writing alone, in the place of a terminal."""


@contextmanager
def answering(*arguments: str | Path, script: bytes = b"") -> Iterator[subprocess.Popen[bytes]]:
    """The program in the middle of an answer to a pipe."""
    process = subprocess.Popen(
        [*DEAF, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(script)
        process.stdin.flush()
        process.stdout.read(20)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_ask_goes_on_when_the_connection_ends(endless: Path) -> None:
    with answering("ask", "--model", endless, "--max-tokens", "300", "Hi") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    assert len(out) > 300


def test_ask_still_ends_when_it_is_told_to(endless: Path) -> None:
    with answering("ask", "--model", endless, "Go on and on") as process:
        engine = children(process.pid)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM
    wait_gone(engine)


def test_a_plain_chat_without_a_person_goes_on(endless: Path) -> None:
    script = b"/set max_tokens 300\nGo on and on\n/set\n"
    with answering("--plain", "--model", endless, script=script) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    assert b"Stopped" not in err


def test_a_person_in_a_plain_chat_stops_the_answer_all_the_same(endless: Path) -> None:
    terminal = Terminal([*DEAF, "--plain", "--model", endless])
    try:
        terminal.read_until("> ")
        terminal.send("Go on and on\n")
        terminal.read_until(r"\w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+")
        terminal.send("\x03")
        terminal.read_until("Stopped; /continue")
        terminal.hang_up()
        assert terminal.process.wait(TIMEOUT) == 128 + signal.SIGHUP
    finally:
        terminal.close()


@pytest.mark.parametrize(
    "arguments", [("ask", "-"), ("ask", "--image", "-", "What is it?"), ("--plain",)]
)
def test_input_that_can_not_be_read_is_told(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([*NO_INPUT, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Standard input can't be read: Bad file descriptor" in done.stderr
    assert "< FILE" in done.stderr
