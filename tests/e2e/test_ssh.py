"""A lost SSH connection in the middle of an answer, and coming back to it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import PROGRAM
from tests.e2e.conftest import answers, drafts, has_words
from tests.processes import SOURCE
from tests.terminals import PATIENCE, Terminal, wait_gone

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
_PRIVILEGES = Path("/run/sshd")
DRAFT = "not yet sent"

pytestmark = pytest.mark.skipif(
    not (SSHD and shutil.which("ssh") and shutil.which("ssh-keygen")), reason="no OpenSSH here"
)


class Server:
    """An sshd of our own on this machine, and a way in."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._folder = folder
        for name in ("host", "user"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(key, check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        (folder / "config").write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
            f"AuthorizedKeysFile {folder / 'user.pub'}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        )
        self._made = False
        with suppress(OSError):  # sshd of Debian wants it, and its service makes it
            _PRIVILEGES.mkdir(mode=0o755)
            self._made = True
        assert SSHD is not None
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=self._log
        )

    def wait_until_it_listens(self) -> None:
        """Skip the test where it can't."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.05)
        pytest.skip(f"sshd doesn't start: {(self._folder / 'log').read_text()[-300:]}")

    def login(self, home: Path, *arguments: str | Path) -> Terminal:
        """`ssh -t localhost vlmtui ARGUMENTS…` in a terminal."""
        environment = {"VLMTUI_HOME": home, "PYTHONPATH": SOURCE, "TERM": "xterm-256color"}
        remote = ["env", *(f"{name}={value}" for name, value in environment.items())]
        options = {
            "IdentityFile": self._folder / "user",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self._folder / "known",
            "StrictHostKeyChecking": "accept-new",
            "BatchMode": "yes",
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        command = " ".join(map(str, [*remote, *PROGRAM, *arguments]))
        place = f"{getpass.getuser()}@127.0.0.1"
        return Terminal(["ssh", "-F", "none", *given, "-tt", "-p", str(self._port), place, command])

    def processes(self) -> list[psutil.Process]:
        """All that runs for those who are logged in."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def close(self) -> None:
        for process in [*self.processes(), psutil.Process(self._process.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._log.close()
        if self._made:
            _PRIVILEGES.rmdir()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "sshd")
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("cut", ["the client is killed", "the server's end is killed"])
def test_a_lost_connection_in_mid_answer_loses_nothing(
    terminals: list[Terminal], server: Server, home: Path, slow_model: Path, cut: str
) -> None:
    here = server.login(home, "--model", slow_model)
    terminals.append(here)
    here.read_until("Ask about a picture")
    here.send("Go on and on\r")
    here.wait_until(lambda: has_words(home))
    here.send(DRAFT)
    here.wait_until(lambda: DRAFT in drafts(home))
    running = server.processes()
    assert sum("vlmtui" in " ".join(process.cmdline()) for process in running) >= 2, "and an engine"
    if cut == "the client is killed":
        here.process.kill()
    else:
        for process in running:
            if process.name().startswith("sshd"):
                os.kill(process.pid, 9)
    here.process.wait(PATIENCE)
    wait_gone(running)

    assert drafts(home) == [DRAFT]
    [answer] = answers(home)
    assert answer.status == "cancelled"
    last = answer.message.text.split()[-1]

    again = server.login(home, "--model", slow_model, "--continue")
    terminals.append(again)
    again.wait_until(lambda: DRAFT in again.text and last in again.text)
    again.send("\x11")
    assert again.end() == 0
    assert answers(home) == [answer]
