"""Memory of the chat and of its engine while pictures of 48 and 100 megapixels are asked about.

The whole application in a pseudo-terminal; each picture is attached, shown and asked about. Peaks
are resident memory, looked at every 20 milliseconds: of the chat's process, and of all its
processes together (engine and thumbnails too).

    python -m bench.pictures
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from PIL import Image

from bench import report
from bench.terminal import Terminal

MEGAPIXELS = {48: (8000, 6000), 100: (10_000, 10_000)}
TARGET_BYTES = 150_000_000
"""The most that the chat's own process should take."""

_LOOK_SECONDS = 0.02
_MARK = "Ask about a picture"
"""The composer's placeholder."""


def rgba(path: Path, size: tuple[int, int]) -> None:
    noise = Image.effect_noise((size[0] // 10, size[1] // 10), 60).resize(size)
    Image.merge("RGBA", (noise,) * 4).save(path, compress_level=1)


def jpeg(path: Path, size: tuple[int, int]) -> None:
    noise = Image.effect_noise((size[0] // 10, size[1] // 10), 60).resize(size)
    Image.merge("RGB", (noise,) * 3).save(path)


def palette(path: Path, size: tuple[int, int]) -> None:
    Image.new("P", size, 0).save(path)


def webp(path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(path, lossless=True, method=0)


KINDS: dict[str, Callable[[Path, tuple[int, int]], None]] = {
    "rgba.png": rgba,
    "photo.jpg": jpeg,
    "palette.png": palette,
    "plain.webp": webp,
}


class Peaks:
    """The most that was seen, in bytes."""

    chat = 0
    together = 0


@contextmanager
def watched(pid: int) -> Iterator[Peaks]:
    """Look at a process and its children until the block ends."""
    peaks, done = Peaks(), threading.Event()

    def look() -> None:
        process = psutil.Process(pid)
        while not done.wait(_LOOK_SECONDS):
            with suppress(psutil.Error):
                chat = process.memory_info().rss
                peaks.chat = max(peaks.chat, chat)
                others = sum(_own_bytes(child) for child in process.children(recursive=True))
                peaks.together = max(peaks.together, chat + others)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def _own_bytes(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def measure(path: Path, home: Path) -> Peaks:
    """Attach a picture, ask about it, look at it full screen."""
    terminal = Terminal(("-m", "vlmtui"), home)
    try:
        terminal.seconds_until(_MARK)
        with watched(terminal.pid) as peaks:
            terminal.type(f"@{path} ")
            terminal.watch(6)
            terminal.type("What is it?\r")
            terminal.watch(12)
            terminal.type("\x1b[18~")  # F7
            terminal.watch(6)
        return peaks
    finally:
        terminal.close()


def main() -> None:
    options = report.arguments(__doc__, repeats=1).parse_args()
    table = [("", "chat, MB", "all processes, MB")]
    figures: dict[str, object] = {"repeats": 1}
    worst = 0
    for megapixels, size in MEGAPIXELS.items():
        for name, make in KINDS.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, name)
                make(path, size)
                peaks = measure(path, Path(folder, "home"))
            row = (f"{peaks.chat / 1e6:.0f}", f"{peaks.together / 1e6:.0f}")
            worst = max(worst, peaks.chat)
            figures[f"{megapixels} MP {name}"] = {"chat_mb": row[0], "all_mb": row[1]}
            table.append((f"{megapixels} MP, {name}", *row))
    figures["ratio"] = round(worst / TARGET_BYTES, 3)
    report.show("memory with large pictures", figures, table, options.json)


if __name__ == "__main__":
    main()
