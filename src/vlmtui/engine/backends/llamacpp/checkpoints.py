"""States of a memory that can't go back, kept at the places worth returning to.

A recurrent layer has one state for the whole row: what was read into it can't be taken out again.
So a copy of that state is kept after each picture, and where the next question's prompt will part
from this one. The keys and values of the attention layers are not copied (`PARTIAL_ONLY`): they
stay in llama.cpp's cache, and a copy is worth something for as long as they do.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from typing import Any, NamedTuple

from vlmtui.engine.backends.llamacpp.bindings import cpp

_MOST = 16
"""`models.memory` counts with the same."""


def goes_back(model: Any) -> bool:
    """Whether the memory of a `llama_model` can be cut anywhere, so that it needs no checkpoints.

    Sliding windows can: they are kept whole.
    """
    return not (cpp.llama_model_is_recurrent(model) or cpp.llama_model_is_hybrid(model))


def most_bytes(state: int, limit: int) -> int:
    """What checkpoints of a state of so many bytes take at most, under a limit in bytes."""
    return min(_MOST, limit // state) * state if state else 0


class Checkpoint(NamedTuple):
    """A place in a row, and the state there."""

    units: int
    tokens: int
    state: ctypes.Array[ctypes.c_uint8]
    passing: bool = False
    """Only there so that a long text that is broken off need not be read again from its start."""


class Checkpoints:
    """Those of one row, in the row's order."""

    def __init__(self, context: Any, limit: int) -> None:
        """Keep at most `limit` bytes of states of sequence 0 of a `llama_context`."""
        self._context = context
        self._limit = limit
        self._kept: list[Checkpoint] = []

    @property
    def newest(self) -> Checkpoint | None:
        return self._kept[-1] if self._kept else None

    def put(self, checkpoint: Checkpoint) -> None:
        """Have this one, of a row that was just restored, and no other."""
        self._kept = [checkpoint]

    def save(self, units: int, tokens: int, *, passing: bool = False) -> None:
        """Keep the state as it is now, with so many units and tokens in the row.

        A passing one makes way for the next.
        """
        if self._kept and self._kept[-1].units >= units:
            return
        if self._kept and self._kept[-1].passing:
            self._kept.pop()
        flags = cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
        size = cpp.llama_state_seq_get_size_ext(self._context, 0, flags)
        if not self._make_room(size):
            return
        state = (ctypes.c_uint8 * size)()
        if cpp.llama_state_seq_get_data_ext(self._context, state, size, 0, flags) == size:
            self._kept.append(Checkpoint(units, tokens, state, passing))

    def restore(self, units: int) -> int:
        """Return to the last checkpoint that has at most so many units; those behind it go.

        Returns:
            Its units, to which the rest of the memory is to be cut; 0 where there is none.
        """
        self.forget_behind(units)
        if not self._kept:
            return 0
        last = self._kept[-1]
        flags = cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
        done = cpp.llama_state_seq_set_data_ext(
            self._context, last.state, len(last.state), 0, flags
        )
        return last.units if done == len(last.state) else 0

    def forget_behind(self, units: int) -> None:
        """Forget those with more units in the row: what they build on is gone."""
        del self._kept[bisect_right(self._kept, units, key=lambda each: each.units) :]

    def _make_room(self, size: int) -> bool:
        """Let the least useful go until one of so many bytes fits; whether it does.

        Without a checkpoint, its tokens since the one before are to be read again. The newest is
        where an edited question goes back to, so it goes last.
        """
        taken = sum(len(each.state) for each in self._kept)
        while self._kept and (taken + size > self._limit or len(self._kept) == _MOST):
            before = 0
            gaps = []
            for each in self._kept[:-1] or self._kept:
                gaps.append(each.tokens - before)
                before = each.tokens
            taken -= len(self._kept.pop(gaps.index(min(gaps))).state)
        return taken + size <= self._limit
