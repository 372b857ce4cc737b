"""Rows of the KV cache that made way for another conversation, in memory until theirs goes on.

Programs ask several things by turns: a chat, a title for it, what could be asked next. Of chats
that have a name the state is on the disk (`chat_states`); these have none. A row is worth keeping
from some hundred tokens on; fewer are read again as quickly.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import msgspec

from vlmtui.engine.backends.llamacpp.cache import KvCache
from vlmtui.engine.backends.llamacpp.memory_use import has_room
from vlmtui.engine.backends.llamacpp.prompt_units import Unit, common_prefix, count_tokens

_WORTH = 256
"""Tokens that would have to be read again."""

_MOST_BYTES = 128 * 1024 * 1024


class _Row(msgspec.Struct, frozen=True):
    units: list[Unit]
    state: ctypes.Array[ctypes.c_uint8]


class ParkedRows:
    """Those of one KV cache. A recurrent memory has none: it can't be cut to a beginning."""

    def __init__(self, cache: KvCache) -> None:
        self._cache = cache
        self._rows: list[_Row] = []
        """The one that was parked last is the last."""

        self._nameless = True
        """The row in the cache is of a conversation without a name."""

    def change(self, units: Sequence[Unit], chat: str) -> None:
        """Another prompt comes: park what it would push out, take what was parked of it.

        `chat` is the name of its conversation, if it has one.
        """
        if self._cache.goes_back:
            shared = self._shared(self._cache.units, units)
            if self._nameless and count_tokens(self._cache.units) - shared >= _WORTH:
                self._park()
            if not chat:
                self._take(units, shared)
        self._nameless = not chat

    def _park(self) -> None:
        size = self._cache.state_bytes()
        if size > _MOST_BYTES or not has_room(size):
            return
        state = self._cache.state()
        if state is None:
            return
        self._rows.append(_Row(list(self._cache.units), state))
        while sum(len(row.state) for row in self._rows) > _MOST_BYTES:
            self._rows.pop(0)

    def _take(self, units: Sequence[Unit], shared: int) -> None:
        if not self._rows:
            return
        best = max(self._rows, key=lambda row: self._shared(row.units, units))
        if self._shared(best.units, units) - shared >= _WORTH:
            self._rows.remove(best)
            self._cache.restore(best.units, memoryview(best.state))

    @staticmethod
    def _shared(row: Sequence[Unit], units: Sequence[Unit]) -> int:
        return count_tokens(units[: common_prefix(row, units)])
