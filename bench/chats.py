"""Many chats on disk: to list them, to search them, to open a long one, to write it to a file.

A database of 10,000 chats of ten messages, and one chat of 2,000 messages with 200 pictures. The
ratio is of a list of 200 chats among all of them to one where there are no others.

    python -m bench.chats
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from bench import report
from vlmtui.chat.archive import Archive
from vlmtui.chat.attached_images import AttachedImages
from vlmtui.chat.export import Format
from vlmtui.messages import ImagePart, assistant, user
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.database import Database
from vlmtui.storage.images import ImageStore

PAGE = 200
WORDS = ("the", "red", "circle", "left", "of", "blue", "square", "green", "star", "camera", "model")


class Shelf:
    """A store in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        self._chance = random.Random(1)
        self.folder = folder
        self.database = Database(folder / "chats.db")
        self.store = ChatStore(self.database)
        self.images = ImageStore(folder / "images")
        self.archive = Archive(self.store, self.images)

    def text(self, words: int) -> str:
        return " ".join(self._chance.choice(WORDS) for _ in range(words))

    def fill(self, chats: int) -> None:
        with self.database.write():
            for _ in range(chats):
                chat, last = self.store.start(self.text(6), user(self.text(12)))
                for number in range(9):
                    message = user(self.text(12)) if number % 2 else assistant(self.text(60))
                    last = self.store.add(chat.id, last.id, message)

    def add_long_chat(self, messages: int, pictures: int) -> int:
        """A chat whose first message has a word that no other has; returns its id."""
        parts = [self._picture(number) for number in range(pictures)]
        with self.database.write():
            chat, last = self.store.start("long", user("heron"))
            for number in range(1, messages):
                if number % 2:
                    message = assistant(self.text(200))
                else:
                    message = user(self.text(12), [parts.pop()] if parts else [])
                last = self.store.add(chat.id, last.id, message)
        return chat.id

    def _picture(self, number: int) -> ImagePart:
        path = self.folder / f"{number}.jpg"
        Image.effect_noise((640, 480), 60).save(path, quality=90)
        return AttachedImages(self.images).attach(path)


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Milliseconds of each repetition, after one that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def measure(shelf: Shelf, long: int, repeats: int) -> dict[str, list[float]]:
    """Milliseconds by what was done."""
    archive = shelf.archive
    end = max(len(archive.listing.rows(1_000_000)) - PAGE, 0)

    def export(format_name: Format) -> Path:
        return archive.export(long, shelf.folder / "long", format_name, overwrite=True)

    work: dict[str, Callable[[], object]] = {
        "list": lambda: archive.listing.rows(PAGE),
        "list, last page": lambda: archive.listing.rows(PAGE, end),
        "narrowed by title": lambda: archive.listing.rows(PAGE, 0, "circle"),
        "search, a rare word": lambda: archive.listing.search("heron"),
        "search, two frequent words": lambda: archive.listing.search("red circle"),
        "open the long chat": lambda: archive.chats.thread(long),
        "export it as Markdown": lambda: export("markdown"),
        "export it as HTML": lambda: export("html"),
        "export it as JSON": lambda: export("json"),
        "import it": lambda: archive.import_json(shelf.folder / "long"),
    }
    return {name: timed(each, repeats) for name, each in work.items()}


def main() -> None:
    parser = report.arguments(__doc__, repeats=5)
    parser.add_argument("--chats", type=int, default=10_000, help="how many")
    parser.add_argument("--messages", type=int, default=2000, help="of the long chat")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone = Shelf(Path(folder) / "alone")
        alone.fill(PAGE)
        shelf = Shelf(Path(folder) / "all")
        shelf.fill(options.chats)
        long = shelf.add_long_chat(options.messages, options.messages // 10)
        taken = measure(shelf, long, options.repeats)
        base = timed(lambda: alone.archive.listing.rows(PAGE), options.repeats)
        for each in (alone, shelf):
            each.store.close()
    ratio = statistics.median(taken["list"]) / statistics.median(base)
    figures = {
        "repeats": options.repeats,
        "chats": options.chats,
        "messages_of_the_long_chat": options.messages,
        "ms": {name: report.spread(values) for name, values in taken.items()},
        "ratio": round(ratio, 4),
    }
    table = [("", "median")]
    table += [(name, f"{statistics.median(values):.1f} ms") for name, values in taken.items()]
    table.append(("list: all / alone", f"{ratio:.2f}"))
    report.show(
        f"{options.chats} chats, one of {options.messages} messages with {options.messages // 10} "
        f"pictures, median of {options.repeats}",
        figures,
        table,
        options.json,
    )


if __name__ == "__main__":
    main()
