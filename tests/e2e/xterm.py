"""An xterm with sixels on an X server of its own, typed into and photographed."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

NEEDED = ("Xvfb", "xterm", "xdotool", "xwd")
TIMEOUT = 60.0
_SIXELS = ("-ti", "vt340", "-xrm", "XTerm*decTerminalID: vt340", "-tn", "xterm-256color")
_LOOKS = ("-fa", "DejaVu Sans Mono", "-fs", "10", "-b", "0", "-bg", "black", "+sb")


def missing() -> str:
    """The programs that are not installed."""
    return " ".join(name for name in NEEDED if shutil.which(name) is None)


class XTerm:
    """A terminal that runs one program."""

    def __init__(self, columns: int, rows: int, *command: str | Path, **environment: str) -> None:
        self._server, self._display = _start_server()
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "KITTY_WINDOW_ID")
        }
        self._environment |= {"DISPLAY": self._display, "COLORTERM": "truecolor", **environment}
        self._terminal = subprocess.Popen(
            ["xterm", *_SIXELS, *_LOOKS, "-geometry", f"{columns}x{rows}+0+0", "-e", *command],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )

    def type(self, text: str) -> None:
        self._do("type", "--delay", "12", text)

    def press(self, *keys: str) -> None:
        """Press keys by their X names: "Return", "ctrl+Home"."""
        self._do("key", *keys)

    def photo(self) -> Image.Image:
        """What is on the screen."""
        done = subprocess.run(
            ["xwd", "-root", "-silent"], env=self._environment, capture_output=True, check=True
        )
        return _read_dump(done.stdout)

    def wait_for(
        self, seen: Callable[[Image.Image], bool], what: str, *, press: str = ""
    ) -> Image.Image:
        """The screen, once something is to be seen on it; a key may be pressed until it is."""
        deadline = time.monotonic() + TIMEOUT
        while not seen(photo := self.photo()):
            if press:
                self.press(press)
            if self._terminal.poll() is not None:
                raise AssertionError(f"the program ended before one saw {what}")
            if time.monotonic() > deadline:
                file = Path(tempfile.gettempdir()) / f"vlmtui-never-{os.getpid()}.png"
                photo.save(file)
                raise AssertionError(f"never saw {what}; the screen is in {file}")
            time.sleep(0.1)
        return photo

    def close(self) -> None:
        for process in (self._terminal, self._server):
            process.terminate()
            process.wait(TIMEOUT)

    def _do(self, *arguments: str) -> None:
        # there is no window manager: the keyboard goes where the pointer is
        command = ["xdotool", "mousemove", "40", "40", *arguments]
        subprocess.run(command, env=self._environment, check=True, timeout=TIMEOUT)


def _start_server() -> tuple[subprocess.Popen[bytes], str]:
    """An X server on a display that nobody else has."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1000x700x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with open(reading, encoding="ascii") as pipe:
        number = pipe.readline().strip()
    if not number:
        raise AssertionError(f"Xvfb ended with {server.wait()}")
    return server, f":{number}"


def _read_dump(dump: bytes) -> Image.Image:
    """Read what `xwd` writes of a 24-bit screen."""
    header = struct.unpack(">25I", dump[:100])
    size, width, height, line, colours = (header[n] for n in (0, 4, 5, 12, 19))
    assert header[11] == 32, "not a screen of 32 bits a pixel"
    pixels = dump[size + 12 * colours :]
    return Image.frombytes("RGB", (width, height), pixels, "raw", "BGRX", line)
