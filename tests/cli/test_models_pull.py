"""`vlmtui models pull` as a process: killed, interrupted, twice at once, asked in vain."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.hub import Hub, cut_after, environment, model_bytes, serving, tower_bytes
from vlmtui import demo
from vlmtui.cli.pull_display import Lines
from vlmtui.models.download.events import Progress

NAME = "qwen2.5-vl-3b"
REPOSITORY = "ggml-org/Qwen2.5-VL-3B-Instruct-GGUF"
MODEL = "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf"
TOWER = "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf"


class Shell:
    """Runs `vlmtui` against a Hub of its own."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        changed = environment(hub, folder)
        gone = {name for name, value in changed.items() if value is None}
        kept = {name: value for name, value in os.environ.items() if name not in gone}
        self.environment = kept | {name: value for name, value in changed.items() if value}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "vlmtui", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, error = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, error)

    def parts(self) -> list[Path]:
        return list(self.folder.rglob("*.incomplete"))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A Hub with the demo model under another name."""
    with serving() as hub:
        hub.put(
            REPOSITORY,
            **{MODEL: demo.model_path().read_bytes(), TOWER: demo.mmproj_path().read_bytes()},
        )
        yield Shell(hub, tmp_path)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_pulled_model_answers_under_its_name(shell: Shell) -> None:
    shell.hub.sends += [cut_after(500_000)]
    shell.hub.warning = "note; Please be so kind as to log in"
    done = shell.run("models", "pull", NAME)
    assert done.returncode == 0, done.stderr
    name, path = done.stdout.rstrip("\n").split("\t")
    assert name == NAME
    assert Path(path).read_bytes() == demo.model_path().read_bytes()
    assert "it fits into memory" in done.stderr
    assert "the connection was cut" in done.stderr
    assert "100 %" in done.stderr
    assert "\x1b" not in done.stderr
    assert "so kind" not in done.stderr, "the library has written to the terminal itself"
    picture = str(demo.model_path().with_name("shapes-1.png"))
    answer = shell.run("ask", "--model", NAME, "--image", picture, "What is in the picture?")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
    removed = shell.run("models", "rm", "--yes", NAME)
    assert removed.returncode == 0, removed.stderr
    assert not list(shell.folder.rglob("*.gguf"))


def test_a_killed_download_goes_on_where_it_was(shell: Shell) -> None:
    shell.hub.hold_at = 1_500_000
    process = shell.start("models", "pull", NAME)
    try:
        wait_for(lambda: any(part.stat().st_size >= 1_500_000 for part in shell.parts()))
    finally:
        process.kill()
        process.communicate()
    (part,) = shell.parts()
    kept = part.stat().st_size
    shell.hub.hold_at = None
    shell.hub.go_on.set()
    shell.hub.asked.clear()
    again = shell.run("models", "pull", NAME, "--json")
    assert again.returncode == 0, again.stderr
    ranges = [asked.headers.get("range") for asked in shell.hub.of_kind("GET")]
    assert f"bytes={kept}-" in ranges
    (finished,) = [event for event in events(again.stdout) if event["event"] == "finished"]
    assert Path(finished["paths"][0]).read_bytes() == demo.model_path().read_bytes()
    total = demo.model_path().stat().st_size + demo.mmproj_path().stat().st_size
    assert finished["fetched"] == total - kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_download_says_how_to_go_on(shell: Shell, number: signal.Signals) -> None:
    shell.hub.hold_at = 1_500_000
    process = shell.start("models", "pull", NAME)
    wait_for(lambda: any(part.stat().st_size >= 1_500_000 for part in shell.parts()))
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "Traceback" not in error
    assert f"`vlmtui models pull {NAME}` continues" in error
    assert shell.parts()[0].stat().st_size >= 1_500_000


def test_an_interrupted_download_goes_on_with_the_same_vision_tower(shell: Shell) -> None:
    shell.hub.hold_at = 1_500_000
    process = shell.start("models", "pull", NAME, "--mmproj", "none")
    wait_for(lambda: any(part.stat().st_size >= 1_500_000 for part in shell.parts()))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert f"`vlmtui models pull {NAME} --mmproj none` continues" in error


def test_two_processes_fetch_one_model_once(shell: Shell) -> None:
    shell.hub.hold_at = 1_500_000
    first = shell.start("models", "pull", NAME, "--json")
    assert shell.hub.holding.wait(30)
    second = shell.start("models", "pull", NAME, "--json")
    assert second.stdout is not None
    for line in second.stdout:
        if json.loads(line)["event"] == "waiting":
            break
    shell.hub.go_on.set()
    for process in (first, second):
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert events(out)[-1]["event"] == "finished"
    assert shell.hub.sent >= demo.model_path().stat().st_size + demo.mmproj_path().stat().st_size
    whole = [asked for asked in shell.hub.of_kind("GET") if MODEL in asked.path]
    # besides the headers, which are read in ranges before
    assert sum("range" not in asked.headers for asked in whole) == 1


def test_several_models_are_fetched_together_and_one_failure_keeps_none_back(
    shell: Shell,
) -> None:
    shell.hub.put("acme/Other-GGUF", other__gguf=model_bytes())
    done = shell.run("models", "pull", NAME, "hf:acme/None-GGUF", "hf:acme/Other-GGUF", "--json")
    assert done.returncode == 2, done.stderr
    told = events(done.stdout)
    finished = {event["model"] for event in told if event["event"] == "finished"}
    assert finished == {NAME, "hf:acme/Other-GGUF"}
    (failed,) = [event for event in told if event["event"] == "failed"]
    assert failed["error"] == "NothingToPull"
    assert failed["hint"]


def test_nobody_to_ask_lists_what_there_is(shell: Shell) -> None:
    shell.hub.put(REPOSITORY, **{"Qwen2.5-VL-3B-Instruct-Q8_0.gguf": model_bytes()})
    done = shell.run("models", "pull", f"hf:{REPOSITORY}")
    assert done.returncode == 2
    assert re.search(r"3 MB +Qwen2\.5-VL-3B-Instruct-Q8_0\.gguf", done.stderr)
    assert f"hf:{REPOSITORY}:PATTERN" in done.stderr
    done = shell.run("models", "pull", f"hf:{REPOSITORY}", "--json")
    (failed,) = [event for event in events(done.stdout) if event["event"] == "failed"]
    assert [each["file"] for each in failed["candidates"]] == [
        MODEL,
        "Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
    ]


def test_a_dry_run_fetches_headers_only(shell: Shell) -> None:
    done = shell.run("models", "pull", NAME, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    (plan,) = [event for event in events(done.stdout) if event["event"] == "resolved"]
    assert plan["fit"] == "yes"
    assert plan["missing"] == plan["size"] > 7_000_000
    assert not shell.parts()
    assert not list(shell.folder.rglob("*.gguf"))


def test_fit_is_told_of_a_model_that_is_not_here(shell: Shell) -> None:
    for wanted in (NAME, f"hf:{REPOSITORY}"):
        told = shell.run("models", "fit", wanted, "--json")
        assert told.returncode == 0, told.stderr
        fit = json.loads(told.stdout)
        assert (fit["model"], fit["verdict"], fit["source"]) == (NAME, "yes", "header")
    assert not shell.parts()
    shell.hub.put(REPOSITORY, **{"Qwen2.5-VL-3B-Instruct-Q8_0.gguf": model_bytes()})
    told = shell.run("models", "fit", f"hf:{REPOSITORY}")
    assert told.returncode == 2
    assert "Qwen2.5-VL-3B-Instruct-Q8_0.gguf" in told.stderr
    nowhere = shell.run("models", "fit", "vila1.5-3b")
    assert nowhere.returncode == 2
    assert "There is no repository Efficient-Large-Model/VILA1.5-3b" in nowhere.stderr
    assert "Did you mean Efficient-Large-Model/VILA1.5-3b-AWQ," not in nowhere.stderr
    checkpoint = {"config.json": b"{}", "llm/a.pt": b"weights"}
    shell.hub.files["Efficient-Large-Model/VILA1.5-3b-AWQ"] = checkpoint
    later = shell.run("models", "fit", "vila1.5-3b")
    assert later.returncode == 2
    assert "is a checkpoint" in later.stderr
    assert "Traceback" not in later.stderr


def test_what_can_not_be_loaded_is_not_fetched_without_asking(shell: Shell) -> None:
    strange = model_bytes(200_000, architecture="strange")
    shell.hub.put("acme/Strange-GGUF", strange__gguf=strange)
    done = shell.run("models", "pull", "hf:acme/Strange-GGUF", "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    told = events(done.stdout)[-1]
    assert told["event"] == "failed"
    assert "strange" in told["message"]
    assert (told["error"], told["exit_code"]) == ("DoesNotFit", 3)
    assert "--yes" in told["hint"]
    assert not shell.parts()
    assert shell.run("models", "pull", "hf:acme/Strange-GGUF", "--yes").returncode == 0


def test_on_a_terminal_one_is_asked_and_a_bar_moves(shell: Shell) -> None:
    shell.hub.put(REPOSITORY, **{"Qwen2.5-VL-3B-Instruct-Q8_0.gguf": model_bytes()})
    shell.hub.hold_at = 1_500_000
    with Terminal(shell, "models", "pull", f"hf:{REPOSITORY}") as terminal:
        terminal.wait_for("Which one?")
        assert "  2      3 MB  fits     Qwen2.5-VL-3B-Instruct-Q8_0.gguf" in terminal.shown
        terminal.type("1\r")
        wait_for(lambda: any(part.stat().st_size >= 1_500_000 for part in shell.parts()))
        shell.hub.go_on.set()
        terminal.wait_for("Ready: vlmtui --model")
        shown = terminal.shown
    assert re.search(r"━+╌* 100 %", shown)


def test_a_line_tells_how_far_how_fast_and_how_long(capfd: pytest.CaptureFixture[str]) -> None:
    lines = Lines(["big"])
    for percent in range(0, 101):
        done = percent * 40_000_000
        lines.show(0, Progress("big.gguf", done, 4_000_000_000, 23.4e6, 95.0, done, done))
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 10
    assert said[3] == "big.gguf: 40 %, 1.6 GB of 4.0 GB, 23.4 MB/s, 1 min 35 s left"


class Terminal:
    """A process on a terminal of 80 columns."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self.shown = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vlmtui", *arguments],
            env=shell.environment | {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._master], [], [], 0.2)[0]:
                self.shown += os.read(self._master, 65_536).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())


def test_a_tower_alone_can_be_had(shell: Shell) -> None:
    shell.hub.put("acme/Towers-GGUF", mmproj_a__gguf=tower_bytes())
    done = shell.run("models", "pull", "hf:acme/Towers-GGUF")
    assert done.returncode == 0, done.stderr
    assert "mmproj_a.gguf" in done.stdout


def test_fit_understands_the_address_of_a_page_and_keeps_off_the_network_when_told_to(
    shell: Shell,
) -> None:
    page = f"{shell.hub.url}/{REPOSITORY}/blob/main/{MODEL}"
    told = shell.run("models", "fit", page, "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["verdict"] == "yes"
    shell.environment["HF_HUB_OFFLINE"] = "1"
    shell.hub.asked.clear()
    for wanted in (NAME, page, f"{shell.hub.cdn}/{REPOSITORY}/{MODEL}"):
        refused = shell.run("models", "fit", wanted)
        assert refused.returncode == 1
        assert "HF_HUB_OFFLINE" in refused.stderr
    assert not shell.hub.asked


def test_what_an_address_keeps_secret_is_shown_nowhere(shell: Shell) -> None:
    address = f"{shell.hub.cdn}/plain/{REPOSITORY}/{MODEL}?X-Amz-Signature=secret"
    address = address.replace("http://", "http://me:secret@")
    for options in ([], ["--json"], ["--dry-run"]):
        done = shell.run("models", "pull", address, *options)
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout + done.stderr
    shell.hub.hold_at = 100_000
    process = shell.start("models", "pull", address.replace(MODEL, TOWER))
    assert shell.hub.holding.wait(30)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command continues" in error
    assert "secret" not in out + error


VILA = "Efficient-Large-Model/VILA1.5-3b-AWQ"


def test_a_checkpoint_of_the_catalogue_is_fetched_and_imported(shell: Shell, vila: Path) -> None:
    shell.hub.put_folder(VILA, vila)
    shell.hub.files[VILA] = {
        "llm/old-w4-g128-awq.pt": b"the same in the older layout",
        "training_args.bin": b"somebody else's",
        **shell.hub.files[VILA],
    }
    done = shell.run("models", "pull", "vila1.5-3b")
    assert done.returncode == 0, done.stderr
    assert "vila1.5-3b: importing, 0 %" in done.stderr
    name, path = done.stdout.rstrip("\n").split("\t")
    assert name == "vila1.5-3b" and Path(path).is_file()
    told = json.loads(shell.run("models", "info", "vila1.5-3b", "--json").stdout)
    assert "non-commercial" in json.dumps(told)
    sent = shell.hub.sent
    again = shell.run("models", "pull", "vila1.5-3b")
    assert again.returncode == 0 and again.stdout == done.stdout
    assert shell.hub.sent == sent, "what is here is not fetched again"


def test_any_checkpoint_is_imported_from_the_hub_by_its_name(shell: Shell, vila: Path) -> None:
    shell.hub.put_folder("acme/my-vila", vila)
    done = shell.run("models", "import", "hf:acme/my-vila", "--head", "q8_0", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events][-1] == "finished"
    assert events[-1]["name"] == "my-vila" and len(events[-1]["paths"]) == 2
    fractions = [event["fraction"] for event in events if event["event"] == "importing"]
    assert fractions == sorted(fractions) and len(fractions) > 5
    refused = shell.run("models", "pull", "hf:acme/my-vila")
    assert refused.returncode == 2
    assert "vlmtui models import hf:acme/my-vila" in refused.stderr


def test_a_checkpoint_that_can_not_be_imported_is_told(shell: Shell, vila: Path) -> None:
    shell.hub.put_folder("acme/s2", vila)
    config = json.loads(shell.hub.files["acme/s2"]["config.json"])
    shell.hub.files["acme/s2"]["config.json"] = json.dumps({**config, "s2": True}).encode()
    done = shell.run("models", "import", "hf:acme/s2")
    assert done.returncode == 2
    assert "VILA1.5-S2" in done.stderr
    nothing = shell.run("models", "import", f"hf:{REPOSITORY}")
    assert nothing.returncode == 2
    assert "holds no checkpoint" in nothing.stderr


@pytest.fixture(scope="module")
def vila(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("safetensors", reason="the extra awq is not installed")
    from tests.models.convert import checkpoints

    folder = tmp_path_factory.mktemp("vila")
    return checkpoints.vila(folder, tower_layers=2, units=16).folder
