"""How the database refers to pictures: by content hash, the file's place relative to the database.

The bytes are in `storage.images`. A relative place lets the whole data directory move to another
disk or another home without a chat losing its pictures.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from vlmtui.messages import ImagePart
from vlmtui.storage import stored_json


def storable(text: str) -> str:
    """The text as UTF-8 can hold it.

    File names and terminals yield lone surrogates for bytes that are no UTF-8; SQLite refuses the
    whole text for one of them, and nobody's message should be lost to that.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def remember(connection: sqlite3.Connection, root: Path, images: Iterable[ImagePart]) -> None:
    """Note where the pictures' files are. Known ones are noted anew, as they may have moved."""
    connection.executemany(
        "INSERT INTO images (sha256, file, width, height) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET file = excluded.file",
        [(image.sha256, _place(image.path, root), image.width, image.height) for image in images],
    )


def picture(row: sqlite3.Row, root: Path) -> ImagePart:
    """The picture of a row that has its `sha256`, `name`, `file`, `width`, `height`, `detail`."""
    return ImagePart(
        path=str(root / row["file"]),  # an absolute file stays as it is
        sha256=row["sha256"],
        name=row["name"],
        width=row["width"],
        height=row["height"],
        detail=stored_json.detail(row["detail"]),
    )


def _place(path: str, root: Path) -> str:
    absolute = os.path.abspath(path)
    inside = os.path.relpath(absolute, root)
    return absolute if inside.startswith(os.pardir) else inside
