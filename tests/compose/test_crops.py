"""`photo.jpg[x,y,width,height]`, told from names of files that end so."""

from __future__ import annotations

import pytest

from vlmtui.compose.crops import split


@pytest.mark.parametrize(
    ("reference", "there", "meant"),
    [
        ("a.jpg[1,2,3,4]", (), ("a.jpg", "[1,2,3,4]")),
        ("a.jpg[1,2,3,4]", ("a.jpg", "a.jpg[1,2,3,4]"), ("a.jpg[1,2,3,4]", None)),
        ("a.jpg[1,2,3,4][5,6,7,8]", ("a.jpg[1,2,3,4]",), ("a.jpg[1,2,3,4]", "[5,6,7,8]")),
        ("a.jpg[1,2]", ("a.jpg",), ("a.jpg", "[1,2]")),
        ("shots/[0-9]", (), ("shots/[0-9]", None)),
        ("a[1].jpg", (), ("a[1].jpg", None)),
        ("a.jpg[]", ("a.jpg",), ("a.jpg[]", None)),
        ("[1,2,3,4]", (), ("[1,2,3,4]", None)),
        ("-[1,2,3,4]", (), ("-", "[1,2,3,4]")),
    ],
)
def test_what_is_a_part_and_what_is_a_name(
    reference: str, there: tuple[str, ...], meant: tuple[str, str | None]
) -> None:
    assert split(reference, there.__contains__) == meant
