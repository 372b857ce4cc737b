"""The process that makes thumbnails of large pictures: one after the other, and then it ends.

It reads requests as lines of JSON (`path`, `width`, `height`) and answers each with a line of JSON:
either `size`, followed by the pixels as RGB, or `error`, `message` and `hint`. It ends with its
input, and with it all memory that decoders have taken.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress

from vlmtui.engine import images
from vlmtui.errors import ImageError
from vlmtui.offspring import prefer_oom_kill

_FIRST_TO_GO = 900


def main() -> None:
    """Serve what made this process, on standard input and output."""
    prefer_oom_kill(_FIRST_TO_GO)
    for line in sys.stdin.buffer:
        wanted = json.loads(line)
        pixels = b""
        try:
            image = images.thumbnail(wanted["path"], wanted["width"], wanted["height"])
            answer: dict[str, object] = {"size": image.size}
            pixels = image.tobytes()
        except ImageError as error:
            kind = type(error).__name__
            answer = {"error": kind, "message": error.message, "hint": error.hint}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        main()
