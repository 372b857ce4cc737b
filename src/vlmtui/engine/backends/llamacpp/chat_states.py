"""The KV caches of chats on the disk: a chat goes on where it was, without being read again.

Which chat a request belongs to is a name that means nothing here. A state is taken when nobody
waits for an answer, and written by a thread. It is brought back only for the row of units that it
stands for, into the very model that computed it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from vlmtui.engine import cached_file
from vlmtui.engine.backends.llamacpp import identity
from vlmtui.engine.backends.llamacpp.cache import KvCache
from vlmtui.engine.backends.llamacpp.memory_use import has_room
from vlmtui.engine.backends.llamacpp.model import LoadedModel
from vlmtui.engine.backends.llamacpp.prompt_builder import PromptBuilder
from vlmtui.engine.backends.llamacpp.prompt_units import Unit, common_prefix, count_tokens
from vlmtui.engine.cache_folder import CacheFolder, found
from vlmtui.engine.cached_file import Useless
from vlmtui.engine.disk_speed import DiskSpeed
from vlmtui.engine.engine_events import Stats
from vlmtui.engine.engine_requests import Load

_WORTH_MEASURING = 32
"""Tokens of a prefill from which its speed can be told."""

_SHARE = 0.05
"""Of the time, writing takes this much at most."""


class _About(msgspec.Struct, frozen=True):
    identity: str
    units: list[Unit]
    seconds_per_token: float
    """What computing it took."""

    answer: bytes = b""
    """The newest answer as it was sampled, see `SampledAnswers.newest`."""

    place: int = 0
    checkpoint_bytes: int = 0
    """A memory that can't be cut anywhere has a checkpoint after so many units; it stands last."""


class ChatStates:
    """Those of one loaded model."""

    def __init__(
        self, folder: CacheFolder, identity: str, cache: KvCache, prompts: PromptBuilder
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._cache = cache
        self._prompts = prompts
        self._speed = DiskSpeed(folder.path)
        self._chat = ""
        self._about: _About | None = None
        """What there is on the disk of this chat."""

        self._settled = False
        """The row is of this chat as it is now: nothing of it was deleted since."""

        self._seconds_per_token = 0.0
        self._writing: threading.Thread | None = None
        self._closing = False
        self._write_s = 0.0
        self._written_at = -1e9

    def enter(self, chat: str) -> None:
        """A request of a chat has come; of another one, what is there of the last is kept."""
        if chat == self._chat:
            if chat and not self._busy and not self._folder.find("chat", chat).exists():
                # somebody may have deleted it, and what the row says with it
                self._about, self._settled = None, False
                self._folder.begin_chat(chat)
            return
        if self._chat and self._folder.is_wanted(self._chat):
            self.keep(now=True)
        self._chat, self._about, self._settled = chat, None, False
        if not chat:
            return
        self._folder.begin_chat(chat)
        about = found(self._folder.find("chat", chat), _About)
        if isinstance(about, _About) and about.identity == self._identity:
            self._about = about
            self._prompts.answers.recall(about.answer)

    def settle(self) -> None:
        """The row begins as the chat does now, and has nothing else."""
        self._settled = True

    def bring_back(self, units: Sequence[Unit]) -> None:
        """Have as much of a prompt in the KV cache as is on the disk, if that saves time."""
        about = self._about
        if about is None:
            return
        kept = self._usable(about, units)
        gained = kept - count_tokens(units[: common_prefix(self._cache.units, units)])
        path = self._folder.find("chat", self._chat)
        try:
            size = path.stat().st_size
            per_token = self._seconds_per_token or about.seconds_per_token
            if gained * per_token <= self._speed.seconds(size) or not has_room(size):
                return
            description, payload = cached_file.read(path)
        except (OSError, Useless):
            self._about = None
            self._folder.drop(path)
            return
        if description != msgspec.msgpack.encode(about):  # another engine was quicker
            self._about = None
        elif self._cache.restore(about.units, payload, about.place, about.checkpoint_bytes):
            self._folder.used(path)
        else:
            self._about = None
            self._folder.drop(path)

    def measure(self, stats: Stats) -> None:
        """Take note of what reading a prompt took."""
        fresh = stats.prompt_tokens - stats.reused_tokens
        if fresh >= _WORTH_MEASURING and stats.prefill_tokens_per_s > 0:
            self._seconds_per_token = 1 / stats.prefill_tokens_per_s

    def keep(self, *, now: bool = False) -> None:
        """Keep what is there of the chat, if computing it again would take long.

        `now` means that there will be no other time for it.
        """
        units = list(self._cache.units)
        mark = self._cache.checkpoint
        place, more = (mark.units, len(mark.state)) if mark else (0, 0)
        size = self._cache.state_bytes() + more
        per_token = self._seconds_per_token
        if self._about is not None:
            per_token = per_token or self._about.seconds_per_token
        on_disk = 0 if self._about is None else self._usable(self._about, units)
        lacking = count_tokens(units) - on_disk
        if (
            not self._chat
            or not self._settled
            or size > self._folder.most_bytes
            or lacking * per_token <= self._write_s / 2
            or count_tokens(units) * per_token <= self._speed.seconds(size)
            or not (now or self._may_write())
            or not has_room(size)
        ):
            return
        self._wait()
        state = self._cache.state()
        if state is None:
            return
        answer = self._prompts.answers.newest(units)
        about = _About(self._identity, units, per_token, answer, place, more)
        parts = [memoryview(state), *([memoryview(mark.state)] if mark else [])]
        self._about = about
        self._writing = threading.Thread(
            target=self._write, args=(self._chat, about, parts), name="states"
        )
        self._writing.start()

    def close(self, seconds: float = 0.0) -> None:
        """Give up what isn't written within some seconds."""
        if self._writing is not None:
            self._writing.join(seconds)
        self._closing = True
        self._wait()

    def _usable(self, about: _About, units: Sequence[Unit]) -> int:
        """Tokens that a row need not read again with what is on the disk."""
        shared = common_prefix(about.units, units)
        if not self._cache.goes_back and shared < len(about.units):
            shared = about.place if about.place <= shared else 0
        return count_tokens(units[:shared])

    def _may_write(self) -> bool:
        since = time.monotonic() - self._written_at
        return not self._busy and since >= self._write_s / _SHARE

    @property
    def _busy(self) -> bool:
        return self._writing is not None and self._writing.is_alive()

    def _write(self, chat: str, about: _About, parts: Sequence[memoryview]) -> None:
        began = time.monotonic()
        path = self._folder.find("chat", chat)

        def wanted() -> bool:
            return not self._closing and self._folder.is_wanted(chat)

        with suppress(OSError):
            written = self._folder.keep(path, msgspec.msgpack.encode(about), parts, wanted)
            self._written_at = time.monotonic()
            self._write_s = self._written_at - began
            if not written:
                return
            self._speed.measure(path)
            if count_tokens(about.units) * about.seconds_per_token <= self._speed.seconds(
                sum(map(len, parts))
            ):
                self._folder.drop(path)

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.join()
            self._writing = None


def states_on_disk(
    request: Load, model: LoadedModel, cache: KvCache, prompts: PromptBuilder
) -> ChatStates | None:
    """Those of a load, where it wants any."""
    if request.disk_cache is None:
        return None
    try:
        whose = identity.of_states(request, model)
    except OSError:  # a file has gone since it was loaded
        return None
    return ChatStates(CacheFolder.of(request.disk_cache), whose, cache, prompts)
