"""SSH to this machine, over a line as bad as one likes."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Queue

import psutil
import pytest

from tests.cli.conftest import PROGRAM
from tests.processes import SOURCE
from tests.terminals import TIMEOUT, Terminal

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
_PRIVILEGES = Path("/run/sshd")

needs_ssh = pytest.mark.skipif(
    not (SSHD and shutil.which("ssh") and shutil.which("ssh-keygen")), reason="no OpenSSH here"
)


class Server:
    """An sshd of our own on this machine, and a way in.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._folder = folder
        for name in ("host", "user"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(key, check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
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
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        pytest.skip(f"sshd doesn't start: {(self._folder / 'log').read_text()[-300:]}")

    def login(self, home: Path, *arguments: str | Path) -> Terminal:
        """`ssh -t localhost vlmtui ARGUMENTS…` in a terminal."""
        return Terminal(self.command(home, self.port, *arguments))

    def command(self, home: Path, port: int, *arguments: str | Path) -> list[str]:
        """That command, where the server is to be found at a port."""
        environment = {"VLMTUI_HOME": home, "PYTHONPATH": SOURCE, "TERM": "xterm-256color"}
        environment["VLMTUI_KEEP_ALIVE"] = "0"
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
        return ["ssh", "-F", "none", *given, "-tt", "-p", str(port), place, command]

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


class Relay:
    """A slow line to a port of this machine, for one connection.

    Attributes:
        port: Where to connect to.
        passed: Bytes that have come back from the other end so far.
    """

    def __init__(self, port: int, rate: float, delay: float) -> None:
        """Listen.

        Args:
            port: Where the line leads to.
            rate: Bytes a second that come back.
            delay: Seconds that anything takes, each way.
        """
        self._to, self._rate, self._delay = port, rate, delay
        self.passed = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing comes through any more, in either direction."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def close(self) -> None:
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            here, _ = self._listening.accept()
            there = socket.socket()
            there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            there.connect(("127.0.0.1", self._to))
            self._ends += [here, there]
            threading.Thread(target=self._carry, args=(here, there, None), daemon=True).start()
            self._carry(there, here, self._rate)

    def _carry(self, source: socket.socket, target: socket.socket, rate: float | None) -> None:
        """Carry what comes, at this rate where there is one."""
        cable: Queue[tuple[float, bytes]] = Queue()
        threading.Thread(target=self._deliver, args=(cable, target, rate), daemon=True).start()
        with suppress(OSError):
            while data := source.recv(1024):
                cable.put((time.monotonic() + self._delay, data))
                if rate is not None:
                    time.sleep(len(data) / rate)
        cable.put((0.0, b""))

    def _deliver(
        self, cable: Queue[tuple[float, bytes]], target: socket.socket, rate: float | None
    ) -> None:
        while True:
            due, data = cable.get()
            if not data:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            with suppress(OSError):
                target.sendall(data)
                if rate is not None:
                    self.passed += len(data)
