"""A list that the user keeps by commands: values with names, in a small file."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, Protocol, TypeVar

from vlmtui import kept, paths, wrong_values
from vlmtui.errors import StorageError, remedy


class Named(Protocol):
    """What such a list holds."""

    @property
    def name(self) -> str:
        """Which one it is, whatever the case of its letters."""


_Named = TypeVar("_Named", bound=Named)


class NamedList(Generic[_Named]):
    """Each name once, in the order of the adding. Every method raises `StorageError`."""

    def __init__(self, file: str, kind: type[list[_Named]], what: str, again: str) -> None:
        """Say where it is, a file in the data directory; nothing is read yet.

        `what` is for a sentence: "added models"; `again` is the command that adds one.
        """
        self._file = file
        self._kind = kind
        self._what = what
        self._again = again

    @property
    def _path(self) -> Path:
        return paths.data_dir() / self._file

    def everything(self) -> list[_Named]:
        """All of it; nothing where there is no file."""
        try:
            return kept.decoded(kept.read(self._path), self._kind)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(
                f"{self._path} can't be read: {error.strerror}",
                remedy(error, "Check its permissions."),
            ) from error
        except (ValueError, RecursionError) as error:
            raise StorageError(
                f"The list of {self._what} {self._path} is damaged: {wrong_values.why(error)}",
                f"Delete the file and add them again with `{self._again}`.",
            ) from error

    def add(self, value: _Named) -> None:
        """Put something down, in the place of one with the same name."""
        with kept.alone(self._path):
            kept.store(self._path, [*self._others(value.name), value])

    def remove(self, name: str) -> None:
        """Forget something; nothing happens where it isn't there."""
        with kept.alone(self._path):
            kept.store(self._path, self._others(name))

    def _others(self, name: str) -> list[_Named]:
        return [each for each in self.everything() if each.name.lower() != name.lower()]
