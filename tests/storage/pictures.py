"""Pictures for the store, of any bytes: it never looks into them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vlmtui.storage.images import ImageStore, StoredImage

_ELSEWHERE = tempfile.gettempdir()
"""Asked before any test says that there is another, or no room in it."""


def keep(images: ImageStore, content: bytes, suffix: str = ".png") -> StoredImage:
    """Have a file of these bytes copied into the store."""
    with tempfile.TemporaryDirectory(dir=_ELSEWHERE) as folder:
        file = Path(folder, "picture")
        file.write_bytes(content)
        return images.add(file, suffix)
