"""Clients that wait for the same thing: who came first has it first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Place:
    """A client's place in a queue."""

    def __init__(self, who: str, give_way: Callable[[], object] | None = None) -> None:
        self.who = who
        self.give_way = give_way
        """Called when somebody comes after one that lets others go first."""

        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it is this client's turn."""


class WaitQueue:
    """One has the turn, the others wait in the order of their coming."""

    def __init__(self) -> None:
        self._places: deque[Place] = deque()

    @property
    def busy(self) -> bool:
        """Whether anybody has the turn."""
        return bool(self._places)

    @property
    def first(self) -> str:
        """Who has the turn; empty for nobody."""
        return self._places[0].who if self._places else ""

    @property
    def waiting(self) -> int:
        return max(0, len(self._places) - 1)

    def enter(self, who: str, give_way: Callable[[], object] | None = None) -> Place:
        """Take the last place, which may be the first; see `Place`."""
        place = Place(who, give_way)
        if self._places and (first := self._places[0]).give_way is not None:
            first.give_way()
        self._places.append(place)
        self._call()
        return place

    def before(self, place: Place) -> int:
        """How many come before a place."""
        return self._places.index(place)

    def leave(self, place: Place) -> None:
        """Give up a place, be it the first or not. Safe to call twice."""
        if place in self._places:
            self._places.remove(place)
            self._call()

    def _call(self) -> None:
        if self._places and not self._places[0].turn.done():
            self._places[0].turn.set_result(None)
