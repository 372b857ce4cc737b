"""`vlmtui --plain` where a person sits: lines that are edited, signals, terminals that go away."""

from __future__ import annotations

import ctypes
import re
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import PROGRAM, Run, lines
from tests.cli.test_models_pull import MODEL, NAME
from tests.models.hub import Hub
from tests.terminals import TIMEOUT, Terminal, children, wait_gone
from tests.web import WebServer, png, sends
from vlmtui import demo, paths

SAMPLE = demo.sample_images()[0]
ANSWERING = (
    r"Go on and on\s+(?:random-small:\s+)?(?:Loading the model …\s+)?(?!Loading|random)\S[\s\S]{60}"
)

Open = Callable[..., Terminal]


@pytest.fixture
def terminals() -> Iterator[Open]:
    """Opens terminals with the plain chat in them, ready for the first line."""
    opened: list[Terminal] = []

    def open_one(*arguments: str | Path, term: str = "xterm-256color") -> Terminal:
        terminal = Terminal(["env", f"TERM={term}", *PROGRAM, "--plain", *arguments])
        opened.append(terminal)
        terminal.read_until("> ")
        return terminal

    yield open_one
    for terminal in opened:
        terminal.close()


def answering(terminal: Terminal) -> None:
    """Until the endless model has begun to answer."""
    terminal.wait_until(lambda: re.search(ANSWERING, terminal.text))


def chat(run: Run) -> str:
    """The last chat, as it is on disk."""
    return run("--plain", "-c", stdin=lines("/show all")).out


def waits(terminal: Terminal, prompts: int) -> None:
    """Until the prompt has come that many times."""
    terminal.wait_until(lambda: terminal.text.count("> ") >= prompts)


# ------------------------------------------------------------------------------- what is sent


def test_a_dumb_terminal_gets_no_control_character(terminals: Open) -> None:
    terminal = terminals(term="dumb")
    terminal.send("/sample\n")
    waits(terminal, 2)
    terminal.send("What is it?\n")
    waits(terminal, 3)
    terminal.send("/monitor\n")
    waits(terminal, 4)
    terminal.send("\x04")
    assert terminal.end() == 0
    assert not set(terminal.seen) & {"\x1b", "\x08", "\x07"}


def test_a_dumb_terminal_gets_the_plain_chat() -> None:
    terminal = Terminal(["env", "TERM=dumb", *PROGRAM])
    try:
        terminal.read_until("/help lists the commands")
        terminal.read_until("> ")
        terminal.send("/quit\n")
        assert terminal.end() == 0
        assert "\x1b" not in terminal.seen
    finally:
        terminal.close()


def test_a_paste_of_several_lines_is_one_message(terminals: Open, run: Run) -> None:
    terminal = terminals()
    terminal.send("/set max_tokens 2\n")
    terminal.read_until("in this chat")
    terminal.send("\x1b[200~one\ntwo\x1b[201~")
    terminal.read_until("two")
    terminal.send("\n")
    terminal.wait_until(lambda: terminal.text.count("> ") >= 3)
    terminal.send("/quit\n")
    assert terminal.end() == 0
    assert "You: one\ntwo\n" in chat(run)


def test_tab_completes_commands_paths_and_models(terminals: Open) -> None:
    terminal = terminals()
    terminal.send("/compa\t")
    terminal.read_until("/compare ")
    terminal.send("de\t")
    terminal.read_until("/compare demo ")
    terminal.send(f"x y\x15/image {SAMPLE.parent}/shapes-5\t")
    terminal.read_until(r"shapes-5\.jpg")


# ------------------------------------------------------------------------------- writing


def an_editor(folder: Path, script: str) -> str:
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_long_message_is_written_in_the_users_editor(
    terminals: Open, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'if [ -s "$1" ]; then sed -i s/two/three/ "$1"; else printf "one\\ntwo\\n" >"$1"; fi'
    monkeypatch.setenv("EDITOR", an_editor(tmp_path, script))
    monkeypatch.delenv("VISUAL", raising=False)
    terminal = terminals()
    terminal.send("/editor\n")
    waits(terminal, 2)
    terminal.send("/editor #1\n")
    waits(terminal, 3)
    terminal.send("/quit\n")
    assert terminal.end() == 0
    assert "(version 2 of 2): one\nthree\n" in chat(run)


def test_an_earlier_question_stands_in_the_line_to_be_changed(
    terminals: Open, run: Run, home: Path
) -> None:
    run("--plain", stdin=lines("/set max_tokens 2", f"@{SAMPLE} About zebras?"))
    terminal = terminals("-c")
    terminal.send("/edit\n")
    terminal.read_until(r"edit> About zebras\?")
    terminal.send("\x7f and lions?\n")
    terminal.wait_until(lambda: terminal.text.count("> ") >= 3)
    terminal.send("/history #1\n")
    terminal.wait_until(lambda: re.search(r"doesn't\s+> About zebras\?", terminal.text))
    terminal.send("\x7f, again?\n")
    terminal.wait_until(lambda: terminal.text.count("> ") >= 5)
    terminal.send("/quit\n")
    assert terminal.end() == 0
    shown = chat(run)
    assert f"You with {SAMPLE.name} (version 2 of 2): About zebras and lions?" in shown
    assert f"You with {SAMPLE.name}: About zebras, again?" in shown


# ------------------------------------------------------------------------------- stopped


def test_ctrl_c_at_a_question_fetches_nothing_and_the_chat_goes_on(
    terminals: Open, server: WebServer
) -> None:
    server.answers["/cat.png"] = sends(png())
    terminal = terminals()
    terminal.send(f"/image {server.url('/cat.png')}\n")
    terminal.read_until("y/n> ")
    terminal.send("\x03")
    terminal.read_until("Ctrl.D or /quit quits")
    terminal.send("/image " + server.url("/cat.png") + "\n")
    terminal.wait_until(lambda: terminal.text.count("y/n> ") == 2)
    terminal.send("perhaps\n")
    terminal.wait_until(lambda: terminal.text.count("y/n> ") == 3)
    assert not server.asked
    terminal.send("y\n")
    terminal.read_until("Attached: cat.png, 8×8")


def test_ctrl_c_stops_a_script_and_what_came_is_kept(run: Run, endless: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "--plain", "--model", str(endless)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(lines("Go on and on", "Next?"))
        process.stdin.flush()
        assert process.stdout.read(20)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in errors
    kept = chat(run)
    assert "cut off" in kept
    assert "Next?" not in kept


def test_ctrl_c_stops_a_download_and_what_came_is_kept(terminals: Open, hub: Hub) -> None:
    hub.hold_at = 1_500_000
    terminal = terminals()
    terminal.send(f"/models pull {NAME}\n")
    terminal.read_until(r"\d MB stay free|\d GB stay free")
    terminal.read_until(rf"{MODEL}: \d+ MB")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until(f"what came is kept\\s+/models pull {NAME} continues")
    terminal.send("/model\n")
    terminal.read_until("demo is the model in use")


def test_ctrl_c_stops_comparing_and_the_model_from_before_answers(
    terminals: Open, endless: Path
) -> None:
    terminal = terminals()
    terminal.send(f"/compare {endless} demo Go on and on\n")
    answering(terminal)
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("Stopped. demo is in use again")


def test_a_signal_that_another_thread_gets_ends_the_line_all_the_same(terminals: Open) -> None:
    terminal = terminals()
    waits(terminal, 1)
    main = terminal.process.pid
    others = [thread.id for thread in psutil.Process(main).threads() if thread.id != main]
    ctypes.CDLL(None).tgkill(main, others[0], int(signal.SIGINT))
    terminal.read_until("Ctrl.D or /quit quits")


# ------------------------------------------------------------------------------- gone


def test_a_chat_that_is_not_saved_is_left_only_at_the_second_time(terminals: Open) -> None:
    paths.database_path().mkdir(parents=True)
    terminal = terminals()
    terminal.send("What are you?\n")
    terminal.read_until("small demo model")
    waits(terminal, 2)
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("this chat is not saved")
    waits(terminal, 3)  # before it, the terminal would take Ctrl+D for itself
    terminal.send("\x04")
    terminal.read_until("/quit again quits")
    terminal.send("/quit\n")
    assert terminal.end() == 0
    assert not list(paths.data_dir().glob("vlmtui-unsaved-words-*"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_line_that_was_not_sent_is_there_the_next_time(
    terminals: Open, number: signal.Signals
) -> None:
    terminal = terminals()
    terminal.send("/sample\n")
    waits(terminal, 2)
    terminal.send("What about this half")
    terminal.read_until("this half")
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    again = terminals()
    again.read_until("Attached: shapes-1.png")
    again.read_until("> What about this half")
    again.send(" sentence?\n")
    waits(again, 2)
    again.send("\x04")
    assert again.end() == 0
    third = terminals()
    third.send("/model\n")
    third.read_until("demo is the model in use")
    assert "this half" not in third.seen  # sent once, it doesn't come back


def test_a_terminal_that_goes_away_in_mid_answer_loses_nothing(
    terminals: Open, endless: Path, run: Run, home: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("ctx = 512\n")  # full before long
    terminal = terminals("--model", endless)
    terminal.send("Go on and on\n")
    answering(terminal)
    engine = children(terminal.process.pid)
    terminal.hang_up()
    assert terminal.process.wait(TIMEOUT) == 128 + signal.SIGHUP
    wait_gone(engine)
    assert "cut off" in chat(run)


def drafts() -> list[str]:
    """What is on disk of messages that nobody has sent, also of programs that run."""
    with closing(sqlite3.connect(paths.database_path())) as database:
        return [text for (text,) in database.execute("SELECT text FROM drafts")]


@pytest.mark.parametrize("end", [Terminal.hang_up, lambda terminal: terminal.process.kill()])
def test_a_line_is_on_disk_while_it_is_typed(
    terminals: Open, end: Callable[[Terminal], object]
) -> None:
    terminal = terminals()
    terminal.send("half a line")
    terminal.wait_until(lambda: "half a line" in drafts())
    end(terminal)
    assert terminal.process.wait(TIMEOUT) in (128 + signal.SIGHUP, -signal.SIGKILL)
    assert "> half a line" in terminals().read_until("half a line")


def test_after_stop_and_continue_the_chat_goes_on(terminals: Open) -> None:
    terminal = terminals()
    terminal.process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + TIMEOUT
    status = Path(f"/proc/{terminal.process.pid}/stat")
    while status.read_text().rsplit(")", 1)[1].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    terminal.process.send_signal(signal.SIGCONT)
    terminal.send("/model\n")
    terminal.read_until("demo is the model in use")
