"""The KV cache as a row of units, brought to a new prompt with the least work.

Only this module decodes. Whatever happens in a step (an abort, a failure), afterwards the row and
the cache of llama.cpp say the same, or both are empty.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from vlmtui.engine.backends.llamacpp.bindings import cpp, mtmd
from vlmtui.engine.backends.llamacpp.checkpoints import Checkpoint, Checkpoints
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_units import (
    ImageUnit,
    Unit,
    common_prefix,
    count_positions,
    count_tokens,
    ends_of_pictures,
)
from vlmtui.engine.backends.llamacpp.turn_report import TurnReport
from vlmtui.engine.backends.llamacpp.vision_tower import VisionTower
from vlmtui.engine.cancellation import Aborted, CancelFlag
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import GenerateFailed
from vlmtui.messages import ImagePart

_ABORTED = 2
_NO_SLOT = 1


class KvCache:
    """The KV cache of a loaded model, one sequence."""

    def __init__(
        self, model: LoadedModel, vision: VisionTower, cancel: CancelFlag, request: Load
    ) -> None:
        self._model = model
        self._vision = vision
        self._cancel = cancel
        self._checkpoints = Checkpoints(model.context, request.checkpoint_bytes)
        self._batch_size = batch = request.batch
        self._batch = cpp.llama_batch_init(batch, 0, 1)
        # reading a pointer out of a ctypes struct makes a new object each time
        self._tokens, self._positions = self._batch.token, self._batch.pos
        self._logits = self._batch.logits
        for index in range(batch):
            self._batch.n_seq_id[index] = 1
            self._batch.seq_id[index][0] = 0
        self.units: list[Unit] = []
        """The row; changes with it."""

        self._position = 0
        self.used = 0
        """Cells in use, in tokens."""

        self._read: Callable[[int], object] = lambda tokens: None
        # C keeps the pointer during a call
        self._after_batch = mtmd.mtmd_helper_post_decode_callback(self._after_part_of_image)

    @property
    def goes_back(self) -> bool:
        """Whether it can be cut anywhere."""
        return self._model.goes_back

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest place in the row to return to, of a memory that can't be cut anywhere."""
        return self._checkpoints.newest

    def state_bytes(self) -> int:
        return int(cpp.llama_state_seq_get_size(self._model.context, 0))

    def state(self) -> ctypes.Array[ctypes.c_uint8] | None:
        """All that makes the row, as llama.cpp writes it; None where it can't."""
        size = self.state_bytes()
        state = (ctypes.c_uint8 * size)()
        done = cpp.llama_state_seq_get_data(self._model.context, state, size, 0)
        return state if done == size else None

    def restore(
        self, units: Sequence[Unit], state: memoryview, place: int = 0, of: int = 0
    ) -> bool:
        """Become a row of units again by its `state`, which was checked; empty where that fails.

        Where it had a checkpoint, that comes first: `of` bytes, of the units up to `place`.
        """
        self.clear()
        size = len(state) - of
        given = (ctypes.c_uint8 * size).from_buffer(state)
        done = cpp.llama_state_seq_set_data(self._model.context, given, size, 0)
        position = count_positions(units)
        last = cpp.llama_memory_seq_pos_max(self._model.memory, 0)
        if done != size or last != position - 1:
            self.clear()
            return False
        self.units = list(units)
        self._position, self.used = position, count_tokens(units)
        if of:
            kept = (ctypes.c_uint8 * of).from_buffer_copy(state, size)
            self._checkpoints.put(Checkpoint(place, count_tokens(units[:place]), kept))
        return True

    def cut(self, count: int) -> None:
        """Forget what stands behind so many units, in a memory that can be cut anywhere."""
        if count < len(self.units):
            self._cut(count)

    def holds(self, units: Sequence[Unit]) -> bool:
        return common_prefix(self.units, units) == len(units)

    def keep(self, units: Sequence[Unit]) -> int:
        """Drop what is not a prefix of the given row.

        At least the last unit of the row goes: its logits are needed, so it is decoded anew.

        Returns:
            How many units are kept.
        """
        shared = min(common_prefix(self.units, units), len(units) - 1)
        self._cut(shared)
        return len(self.units)

    def prefill(
        self,
        units: Sequence[Unit],
        images: dict[str, ImagePart],
        report: TurnReport,
        settled: int = 0,
    ) -> None:
        """Decode what is missing of a whole row, whose beginning `keep` has kept.

        The row of the next question will have the `settled` first units too, as far as is known.

        Raises:
            Aborted: The flag was set; what was decoded so far stays.
            ImageError: A picture can't be decoded.
            GenerateFailed: llama.cpp refused.
        """
        missing = units[len(self.units) :]
        keys = dict.fromkeys(unit.key for unit in missing if isinstance(unit, ImageUnit))
        to_encode = [key for key in keys if not self._vision.is_kept(images[key])]
        stops = self._stops(units, settled)
        passing = False
        while (at := len(self.units)) < len(units):
            if at in stops or passing:
                self._checkpoints.save(at, self.used, passing=at not in stops)
            unit = units[at]
            passing = False
            if isinstance(unit, ImageUnit):
                self._encode(images[unit.key], to_encode, report)
                report.progress(self.used)  # it isn't encoding any more
                self._decode_image(unit, images[unit.key], report)
            else:
                end = min(at + self._batch_size, *(stop for stop in stops if stop > at))
                step = list(takewhile(lambda unit: isinstance(unit, int), units[at:end]))
                self._decode_tokens(step, logits=at + len(step) == len(units))
                passing = len(step) == self._batch_size and not self._model.goes_back
            report.progress(self.used)

    def append(self, token: int) -> None:
        """Decode one sampled token.

        Raises:
            Aborted: The flag was set; the token is not in the cache.
            GenerateFailed: llama.cpp refused.
        """
        self._decode_tokens((token,), logits=True)

    def clear(self) -> None:
        cpp.llama_memory_clear(self._model.memory, True)
        self._checkpoints.forget_behind(0)
        self.units.clear()
        self._position = self.used = 0

    def close(self) -> None:
        cpp.llama_batch_free(self._batch)
        del self._after_batch  # it refers to this object, which nothing else holds any more

    def _stops(self, units: Sequence[Unit], settled: int) -> list[int]:
        """Where reading stops for a checkpoint, in ascending order, and the end of the row.

        The last unit is read anew each time, so a checkpoint behind it would be of no use.
        """
        end = len(units)
        if self._model.goes_back:
            return [end]
        places = {*ends_of_pictures(units), min(settled, end - 1)}
        return [*sorted(places - {0, end}), end]

    def _cut(self, count: int) -> None:
        """Keep the first `count` units, or fewer where the memory can't go back to just there."""
        # removes cells of an aborted step as well, so it is called even when no unit goes
        if not (count and self._remove_behind(count)):
            count = self._checkpoints.restore(count)
            if not (count and self._remove_behind(count)):
                self.clear()
                return
        self._checkpoints.forget_behind(count)
        del self.units[count:]
        self._position = count_positions(self.units)
        self.used = count_tokens(self.units)

    def _remove_behind(self, count: int) -> bool:
        """Remove what stands behind so many units; a recurrent state may refuse."""
        position = count_positions(self.units[:count])
        return bool(cpp.llama_memory_seq_rm(self._model.memory, 0, position, -1))

    def _encode(self, image: ImagePart, to_encode: list[str], report: TurnReport) -> None:
        """Make sure that a picture's embedding is kept."""
        if self._cancel.is_set:
            raise Aborted
        if self._vision.is_kept(image):
            return
        if image.key not in to_encode:  # kept when we began, and pushed out since
            to_encode.append(image.key)
        report.encoding(to_encode.index(image.key) + 1, len(to_encode))
        report.encoded(image.key, self._vision.encode(image))

    def _decode_image(self, unit: ImageUnit, image: ImagePart, report: TurnReport) -> None:
        self._model.adapt_threads()
        done = self.used

        def read(tokens: int) -> None:
            nonlocal done
            done += tokens
            report.progress(done)

        self._read = read
        status = self._vision.decode(
            image, unit, self._position, self._model.picture_step, self._after_batch
        )
        if status != 0:
            self._fail(status)
        self._add(unit)

    def _after_part_of_image(self, part: Any, _: object) -> int:
        """Called by libmtmd behind each batch of a picture; other than 0 stops it."""
        self._read(int(part.contents.n_tokens))
        return int(self._cancel.is_set)

    def _decode_tokens(self, tokens: Sequence[Unit], *, logits: bool) -> None:
        for index, token in enumerate(tokens):
            self._tokens[index] = token
            self._positions[index] = self._position + index
            self._logits[index] = 0
        self._logits[len(tokens) - 1] = logits
        self._batch.n_tokens = len(tokens)
        self._model.adapt_threads()
        status = cpp.llama_decode(self._model.context, self._batch)
        if status != 0:
            self._fail(status)
        for token in tokens:
            self._add(token)

    def _add(self, unit: Unit) -> None:
        self.units.append(unit)
        self._position += 1 if isinstance(unit, int) else unit.positions
        self.used += 1 if isinstance(unit, int) else unit.tokens

    def _fail(self, status: int) -> None:
        """Bring llama.cpp's cache back to the row, then raise what the status means."""
        self._cut(len(self.units))
        if status == _ABORTED or self._cancel.is_set:
            raise Aborted
        if status == _NO_SLOT:
            raise GenerateFailed("The context is full", "Load the model with a larger one: --ctx.")
        self.clear()
        raise GenerateFailed(
            f"llama.cpp failed to decode (status {status})",
            "Try again; if it happens again, reload the model.",
        )
