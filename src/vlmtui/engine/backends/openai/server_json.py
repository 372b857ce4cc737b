"""JSON that any server may have made: values of the kind that is looked for, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def decoded(data: bytes) -> Any:
    """What some JSON in UTF-8 says; None where it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def unwrapped(data: bytes) -> Mapping[str, Any] | None:
    """An object in JSON, be it in a list, as Gemini has its errors; None where it is none."""
    whole = decoded(data)
    if isinstance(whole, list) and whole:
        whole = whole[0]
    return whole if isinstance(whole, dict) else None


def mapping(value: object) -> Mapping[str, Any]:
    """An object; empty where the value is none."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A text; empty where the value is none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """A whole number from 0 to where floats begin to skip some; None where the value is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**53 else None
