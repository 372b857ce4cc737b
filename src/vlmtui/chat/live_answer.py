"""An answer while it is being written: in memory at once, on disk within a second.

A thread of its own writes, for two reasons. A slow model may pause longer than a second after a
word, which must reach the disk nevertheless; and a slow disk, or one that another instance has
locked, must not hold up the words. A disk that refuses is tried again each second: the answer goes
on in memory. This module does not know where the words come from.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from vlmtui.errors import StorageError
from vlmtui.messages import assistant
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.records import Status, StoredMessage

INTERVAL = 1.0
"""Seconds between two writes of a streaming answer (law 5)."""


class LiveAnswer:
    """The stored row of one answer and the words that came for it. May be used from any thread."""

    def __init__(
        self,
        store: ChatStore,
        stored: StoredMessage,
        before: StoredMessage | None = None,
        *,
        before_on_disk: bool = True,
    ) -> None:
        """Begin to write.

        Args:
            store: Where to.
            stored: The row, with the text to add to.
            before: The row as it was, of an answer that goes on. When nothing is added to it, it is
                this again in the end.
            before_on_disk: Whether the disk has all of that.
        """
        self._store = store
        self._row = stored
        self._before = before
        self._words: list[str] = []
        self._thoughts: list[str] = []
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._written = (before or stored) if before_on_disk else None
        self._retired = False
        self._warning: StorageError | None = None
        self._warned = False
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="vlmtui-answer", daemon=True).start()

    @property
    def stored(self) -> StoredMessage:
        """The answer as it stands in memory, which may be ahead of the disk."""
        with self._lock:
            return self._current()

    @property
    def on_disk(self) -> bool:
        """Whether the disk has all of it."""
        with self._lock:
            return self._written == self._current()

    @property
    def refused(self) -> bool:
        """Whether the disk doesn't have all of it because it wouldn't take it."""
        with self._lock:
            return self._warned and self._written != self._current()

    @property
    def ended(self) -> bool:
        """Whether the answer is in its final form."""
        with self._lock:
            return self._row.status != "streaming"

    def append(self, text: str) -> None:
        """Add words, unless the answer has ended."""
        with self._lock:
            if self._row.status == "streaming":
                self._words.append(text)

    def think(self, text: str) -> None:
        """Add to what is thought before it, unless the answer has ended."""
        with self._lock:
            if self._row.status == "streaming":
                self._thoughts.append(text)

    def retire(self) -> bool:
        """Write no more, since another goes on with the row; whether the disk has all of it."""
        with self._write_lock:
            self._retired = True
            self._stop.set()
        return self.on_disk

    def name_model(self, model: str) -> None:
        """Note who answers, where that is another than thought at first."""
        with self._lock:
            self._row = msgspec.structs.replace(self._row, model=model)

    def annotate(self, extra: Mapping[str, Any]) -> None:
        """Add to the statistics of an answer that has ended, and write it."""
        with self._lock:
            stats = {**(self._row.stats or {}), **extra}
            self._row = msgspec.structs.replace(self._row, stats=stats)
        self._write()

    def take_warning(self) -> StorageError | None:
        """Why the disk refused, the first time this is asked after it did; then never again."""
        with self._lock:
            warning, self._warning = self._warning, None
            return warning

    def end(
        self,
        status: Status,
        *,
        stats: dict[str, Any] | None = None,
        error: str | None = None,
        error_kind: str | None = None,
    ) -> StoredMessage:
        """Put the answer into its final form and write it. Only the first call counts.

        Without statistics it keeps those it had. When the disk refuses, `on_disk` is False and the
        writing goes on in the background.
        """
        with self._lock:
            if self._row.status == "streaming":
                row = self._current()
                if self._before and status != "complete" and row.message == self._before.message:
                    self._row = self._before
                else:
                    self._row = msgspec.structs.replace(
                        row,
                        status=status,
                        stats=stats or row.stats,
                        error=error,
                        error_kind=error_kind,
                    )
        self._write()
        if self.on_disk:
            self._stop.set()
        return self.stored

    def close(self) -> None:
        """End it as cancelled unless it has ended, and try to write it for the last time."""
        self.end("cancelled")
        self._stop.set()

    def _current(self) -> StoredMessage:
        if self._words or self._thoughts:
            old = self._row.message
            new = assistant(old.text + "".join(self._words), old.thought + "".join(self._thoughts))
            self._row = msgspec.structs.replace(self._row, message=new)
            self._words.clear()
            self._thoughts.clear()
        return self._row

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._write()
            if self.ended and self.on_disk:
                return

    def _write(self) -> None:
        with self._write_lock:  # so that an older text never overwrites a newer one
            with self._lock:
                row = self._current()
                if self._retired or row == self._written:
                    return
            try:
                self._store.update_text(
                    row.id,
                    row.message.text,
                    row.status,
                    row.stats,
                    row.error,
                    row.error_kind,
                    row.model,
                    row.message.thought,
                )
            except StorageError as error:
                with self._lock:
                    if not self._warned:
                        self._warned, self._warning = True, error
            else:
                with self._lock:
                    self._written = row
