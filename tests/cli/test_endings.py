"""How `vlmtui ask` ends when it is interrupted, and what it writes to a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM
from tests.terminals import TIMEOUT, Terminal, children, wait_gone
from vlmtui.ask.output import Progress
from vlmtui.engine.engine_events import Encoding, Loading, Prefill


def long_answer(model: Path) -> tuple[str | Path, ...]:
    return ("ask", "--model", model, "--temperature", "0", "Go on and on")


@pytest.mark.parametrize("to_group", [True, False])
def test_ctrl_c_keeps_what_was_printed_and_ends_the_engine(
    terminals: list[Terminal], endless: Path, to_group: bool
) -> None:
    terminal = Terminal([*PROGRAM, *long_answer(endless)])
    terminals.append(terminal)
    terminal.read_until(r"\w+ \w+ \w+ \w+")
    engine = children(terminal.process.pid)
    assert engine
    if to_group:  # as the terminal's driver does it
        os.killpg(terminal.process.pid, signal.SIGINT)
    else:
        terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
    assert re.search(r"\w+ \w+ \w+ \w+", terminal.seen)
    assert terminal.seen.endswith("\n")
    wait_gone(engine)


def test_ctrl_c_with_json_prints_the_text_so_far(
    terminals: list[Terminal], endless: Path, tmp_path: Path
) -> None:
    follow_ups = ("--then", "And on") * 20  # more than it can answer before the key is pressed
    file = tmp_path / "answer.json"
    command = [*PROGRAM, *long_answer(endless)]
    with file.open("wb") as out:
        terminal = Terminal([*command, "--json", *follow_ups], stdout=out.fileno())
    terminals.append(terminal)
    terminal.read_until(r"answering, [\d,]+ tokens")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    turns = json.loads(file.read_text())
    assert turns[-1]["finish_reason"] == "cancelled"
    assert turns[0]["text"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_go_leaves_nothing_running(endless: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *map(str, long_answer(endless))], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(20)
    engine = children(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + number
    assert err == b""
    wait_gone(engine)


def test_a_killed_engine_is_an_error_that_says_so(endless: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *map(str, long_answer(endless))], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    begun = process.stdout.read(20)
    for child in children(process.pid):
        child.kill()
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert (begun + out).endswith(b"\n")
    assert b"engine" in err
    assert b"Traceback" not in err


INTERRUPTED_IMPORT = """
import signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from vlmtui.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["vlmtui.cli", "msgspec", "vlmtui.engine.client"])
def test_ctrl_c_during_the_imports_shows_no_traceback(name: str) -> None:
    program = INTERRUPTED_IMPORT.format(name=name)
    done = subprocess.run(
        [sys.executable, "-c", program, "ask", "--max-tokens", "5", "Hello"],
        capture_output=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_reader_that_has_enough_is_no_error(endless: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *map(str, long_answer(endless))], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(20)
    engine = children(process.pid)
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(TIMEOUT) == 0
    process.stderr.close()
    assert err == b""
    wait_gone(engine)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_in_words() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "ask", "--max-tokens", "3", "Hello"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_accident(closed: str) -> None:
    command = f"{sys.executable} -m vlmtui ask --max-tokens 3 --temperature 0 Hello {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=TIMEOUT)
    assert "Traceback" not in done.stderr
    if ">&-" in closed.replace("2>&-", ""):
        assert done.returncode == 1
    else:
        assert done.returncode == 0
        assert done.stdout


def test_a_terminal_sees_progress_that_goes_away_and_figures_that_stay(
    terminals: list[Terminal], endless: Path
) -> None:
    terminal = Terminal(
        [*PROGRAM, "ask", "--model", endless, "--max-tokens", "8", "--temperature", "0", "Hi"]
    )
    terminals.append(terminal)
    assert terminal.end() == 0
    assert re.search(r"\r\x1b\[K(loading|reading)[^\n]*\r\x1b\[K", terminal.seen)
    assert re.search(r"8 tokens, [\d.,]+ tok/s; first token after [\d.]+ m?s", terminal.seen)


def test_plain_writes_only_the_answer(terminals: list[Terminal], endless: Path) -> None:
    question = ("--model", endless, "--max-tokens", "8", "--temperature", "0", "Hi")
    terminal = Terminal([*PROGRAM, "ask", "--plain", *question])
    terminals.append(terminal)
    assert terminal.end() == 0
    piped = subprocess.run([*PROGRAM, "ask", *map(str, question)], capture_output=True, text=True)
    assert "\x1b" not in terminal.seen
    assert terminal.seen.replace("\r\n", "\n").split() == piped.stdout.split()


def test_a_terminal_is_sent_no_control_characters(terminals: list[Terminal], endless: Path) -> None:
    question = ("--model", endless, "--seed", "3", "--temperature", "3", "--max-tokens", "400")
    loose = ("--top-k", "0", "--top-p", "1", "--min-p", "0", "Hi")
    piped = subprocess.run([*PROGRAM, "ask", *map(str, question), *loose], capture_output=True)
    raw = piped.stdout.decode()
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f]", raw), "the model was to say control characters"
    terminal = Terminal([*PROGRAM, "ask", "--plain", *question, *loose])
    terminals.append(terminal)
    assert terminal.end() == 0
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", terminal.seen)


def test_the_chat_needs_a_terminal() -> None:
    done = subprocess.run([*PROGRAM], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "vlmtui ask" in done.stderr


def test_progress_is_silent_where_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(wanted=True)  # standard error is no terminal here
    for event in (Loading(0.5), Encoding(1, 2), Prefill(1, 2, 0)):
        progress.event(event)
    progress.clear()
    assert capsys.readouterr().err == ""
