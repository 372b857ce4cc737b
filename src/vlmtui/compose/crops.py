"""`photo.jpg[x,y,width,height]`: a part of a picture, as a reference.

Only the brackets are looked at here; what the numbers mean is for `engine.images.crops` to say. A
file whose very name ends so goes before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

_CROPPED = re.compile(r"(?P<picture>.+)(?P<part>\[[^\[\]\n]*[\d,][^\[\]\n]*\])", re.DOTALL)


def split(
    reference: str, exists: Callable[[str], bool] = os.path.lexists
) -> tuple[str, str | None]:
    """The picture of a reference, and which part of it is meant; None for all of it."""
    found = _CROPPED.fullmatch(reference)
    if found is None or exists(os.path.expanduser(reference)):
        return reference, None
    picture, part = found["picture"], found["part"]
    # with other than four numbers it can be a pattern: `photo[12].jpg` isn't, `shots/[0-9]` is
    if part.count(",") == 3 or exists(os.path.expanduser(picture)):
        return picture, part
    return reference, None
