"""How much one class may do."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType

import vlmtui

MOST = 60
"""Methods and properties of a class with all its bases that are ours."""

_KINDS = (FunctionType, property, cached_property, staticmethod, classmethod)


def classes() -> Iterator[type]:
    """Every class of the package."""
    for found in pkgutil.walk_packages(vlmtui.__path__, f"{vlmtui.__name__}."):
        if found.name.endswith(".__main__"):
            continue
        module = importlib.import_module(found.name)
        for thing in vars(module).values():
            if inspect.isclass(thing) and thing.__module__ == found.name:
                yield thing


def methods(owner: type) -> set[str]:
    """What a class can do, by its own code."""
    ours = [base for base in owner.__mro__ if base.__module__.startswith(f"{vlmtui.__name__}.")]
    return {
        name for base in ours for name, thing in vars(base).items() if isinstance(thing, _KINDS)
    }


def test_no_class_does_too_much() -> None:
    counted = {owner.__qualname__: len(methods(owner)) for owner in classes()}
    assert len(counted) > 300
    assert {name: count for name, count in counted.items() if count > MOST} == {}
