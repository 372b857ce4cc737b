"""The process that cuts a part out of a picture, and then ends.

Its argument is JSON: `path`, `part` as four numbers, and `name` for errors. The part goes to
standard output as a PNG file; where that fails, standard error ends with a line of JSON that has
`error`, `message` and `hint`.
"""

from __future__ import annotations

import json
import sys

from vlmtui.engine import images
from vlmtui.engine.images.crops import Box, failed
from vlmtui.errors import ImageError
from vlmtui.offspring import prefer_oom_kill

_FIRST_TO_GO = 900


def main() -> int:
    """Cut; returns the exit code."""
    prefer_oom_kill(_FIRST_TO_GO)
    wanted = json.loads(sys.argv[1])
    try:
        image = images.decode_part(wanted["path"], Box(*wanted["part"]), wanted["name"])
        image.save(sys.stdout.buffer, "PNG", compress_level=3)
        sys.stdout.buffer.flush()
    except ImageError as error:
        return _tell(error)
    except OSError as error:  # of the file that it is written into
        return _tell(failed(wanted["name"], error.strerror or str(error)))
    return 0


def _tell(error: ImageError) -> int:
    problem = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    print(json.dumps(problem), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
