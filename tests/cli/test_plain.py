"""`vlmtui --plain`, in pipes and in terminals."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Run, lines
from tests.terminals import TIMEOUT, Terminal, children, wait_gone
from vlmtui import demo

SAMPLE = demo.sample_images()[0]


@pytest.fixture
def terminals() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(*arguments: str | Path) -> Terminal:
        opened.append(Terminal([*PROGRAM, "--plain", *arguments]))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


# ------------------------------------------------------------------------------- as a script


@pytest.mark.trained
def test_a_script_gets_the_answers_alone_on_standard_output(run: Run) -> None:
    ended = run("--plain", stdin=lines(f"@{SAMPLE} How many shapes are there?", "And now?"))
    assert ended.code == 0
    first, *_ = ended.out.splitlines()
    assert "3" in first or "three" in first.lower()
    assert "> " not in ended.out
    assert "Encoding the picture" in ended.err


def test_nothing_but_plain_lines_is_printed(run: Run) -> None:
    ended = run("--plain", stdin=lines("/sample", "What is it?", "/help", "/stats", "/chats"))
    assert ended.code == 0
    for text in (ended.out, ended.err):
        assert not set(text) & {"\x1b", "\r", "\x07", "\x08"}


def test_what_was_said_is_in_the_chats_and_goes_on(run: Run) -> None:
    run("--plain", stdin=lines("/sample", "What is it?"))
    ended = run("--plain", "--continue", stdin=lines("/edit"))
    assert ended.out == "What is it?\n"


def test_a_backslash_goes_on_with_the_next_line(run: Run) -> None:
    run("--plain", stdin=lines("one\\", "two"))
    assert run("--plain", "-c", stdin=lines("/edit")).out == "one\ntwo\n"


def test_commands_change_the_chat(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "chat.json"
    ended = run(
        "--plain",
        stdin=lines(
            "/system Be brief.",
            "/set temperature 0",
            "What is it?",
            "/regen",
            "/delete",
            "/undo",
            "/edit What is that?",
            f"/export json {target}",
            f"/import {target}",
        ),
    )
    assert ended.code == 0, ended.err
    assert "its own system prompt: Be brief." in ended.err
    assert "temperature 0" in ended.err
    assert "Chat 2: What is it?" in ended.err
    told = json.dumps(json.loads(target.read_text()))
    assert "What is it?" in told
    assert "What is that?" in told


def test_chats_are_listed_opened_copied_and_thrown_away(run: Run) -> None:
    run("--plain", stdin=lines("What about circles?"))
    run("--plain", stdin=lines("What about squares?"))
    listed = run("--plain", stdin=lines("/chats"))
    assert [line.split(" (")[0] for line in listed.out.splitlines()] == [
        "2: What about squares?",
        "1: What about circles?",
    ]
    ended = run(
        "--plain",
        stdin=lines("/open circles", "/edit", "/pin", "/duplicate", "/trash", "/undo", "/edit"),
    )
    assert ended.code == 0, ended.err
    assert ended.out.count("What about circles?\n") >= 2
    assert run("--plain", stdin=lines("/chats")).out.startswith("1: What about circles?")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/nonsense", "There is no command /nonsense"),
        ("/theme", "There are no themes here"),
        ("/image", "needs a path"),
        ("/image /no/such.png", "/no/such.png"),
        ("/set temperature hot", "temperature can't be hot"),
        ("/undo", "There is nothing to undo"),
        ("/model no-such-model", "no-such-model"),
        ("/export a.md b.md", "A chat goes to one file"),
        ("/import /no/such.json", "/no/such.json"),
        ("/regen", "Error"),
        ("/open nothing like it", "No chat has “nothing like it” in its title"),
        ("/open 4711", "There is no chat 4711"),
        ("@/no/such.jpg what?", "/no/such.jpg"),
    ],
)
def test_what_cant_be_done_is_said_and_the_chat_goes_on(run: Run, line: str, words: str) -> None:
    ended = run("--plain", stdin=lines(line, "/set"))
    assert words in ended.err
    assert "temperature: 0.2" in ended.out  # the next line was done


def test_a_model_that_cant_be_loaded_fails_the_script(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    ended = run("--plain", "--model", broken, stdin=lines("Hello"))
    assert ended.code in (1, 2)
    assert "broken" in ended.err


@pytest.mark.parametrize(
    ("stdin", "asked"),
    [
        (b"What \xff\xfe is\x00 it?\n", "What �� is␀ it?"),
        (b"What is it?\r\n", "What is it?"),
        (b"What is it?", "What is it?"),
        (b"What is it?\\\n", "What is it?"),
    ],
)
def test_lines_may_be_broken_or_of_other_systems(run: Run, stdin: bytes, asked: str) -> None:
    assert run("--plain", stdin=stdin).code == 0
    assert run("--plain", "-c", stdin=lines("/edit")).out == f"{asked}\n"


def test_a_line_of_megabytes_is_too_long_for_the_model_and_not_for_the_chat(run: Run) -> None:
    ended = run("--plain", stdin=lines("long " * 400_000, "/set"))
    assert ended.code == 1
    assert "the context holds" in ended.err
    assert "temperature: 0.2" in ended.out


def test_a_locale_without_the_characters_gets_replacements(run: Run) -> None:
    ended = run(
        "--plain",
        stdin=lines("/sample", "Whät?", "/show"),
        env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert ended.code == 0
    assert "Encoding the picture ?" in ended.err
    assert "Whät?" in run("chats", "show", "1").out


def test_a_reader_that_leaves_ends_the_chat_quietly(run: Run) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "--plain"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(lines("What?", "What else?"), timeout=TIMEOUT)
    assert process.returncode == 0
    assert b"Error" not in errors
    assert b"Traceback" not in errors
    assert "What?" in run("--plain", "-c", stdin=lines("/show")).out


def test_a_full_disk_for_the_answers_is_told(run: Run) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*PROGRAM, "--plain"],
            input=lines("What?"),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
        )
    assert ended.returncode == 1
    assert b"The answers can't be written: No space left on device" in ended.stderr
    assert "I am" in run("--plain", "-c", stdin=lines("/show")).out  # it is in the chat


# ------------------------------------------------------------------------------- in a terminal


def test_ctrl_c_stops_the_answer_and_continue_goes_on(
    terminals: Callable[..., Terminal], endless: Path
) -> None:
    terminal = terminals("--model", endless)
    terminal.read_until("> ")
    terminal.send("Go on and on\n")
    terminal.read_until(r"\w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("Stopped; /continue continues it")
    engine = children(terminal.process.pid)
    terminal.send("/quit\n")
    assert terminal.end() == 0
    assert "Traceback" not in terminal.seen
    wait_gone(engine)


def test_ctrl_c_with_nothing_going_on_says_how_to_leave(
    terminals: Callable[..., Terminal],
) -> None:
    terminal = terminals()
    terminal.read_until("> ")
    terminal.repeat_until(
        lambda: terminal.process.send_signal(signal.SIGINT), r"Ctrl.D or /quit quits[^>]*> "
    )
    # one signal too many may come now, and take what was typed before it with it
    assert terminal.repeat_to_the_end(lambda: terminal.send("/quit\n")) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_mid_answer_keeps_what_came_and_leaves_nothing_running(
    terminals: Callable[..., Terminal], endless: Path, run: Run, home: Path, number: signal.Signals
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("ctx = 512\n")  # the answer ends after SIGHUP
    terminal = terminals("--model", endless)
    terminal.read_until("> ")
    terminal.send("Go on and on\n")
    terminal.read_until(r"\w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+ \w+")
    engine = children(terminal.process.pid)
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    assert "Traceback" not in terminal.seen
    wait_gone(engine)
    kept = run("--plain", "--continue", stdin=lines("/copy"))
    assert len(kept.out) > 20


def test_a_screen_reader_gets_whole_sentences() -> None:
    import io

    from vlmtui.plain.printer import Answer, Printer

    stream = io.StringIO()
    answer = Answer(Printer(stream, stream))
    for word in ("A red", " circle. And a", " blue sq", "uare\x1b[2J"):
        answer.feed(word)
    assert stream.getvalue() == "A red circle. "
    answer.end()
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().startswith("A red circle. And a blue square")
    assert stream.getvalue().endswith("\n")
