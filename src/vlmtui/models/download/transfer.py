"""One file over the network, from where it stopped the last time; cut off as often as it may be.

Bytes go to the disk as they come, so whoever kills the process loses none that were written. What
they are worth is for `verify` to say.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress

from vlmtui import net, units
from vlmtui.errors import DiskFull, NotTheFile, PullError, VlmtuiError
from vlmtui.models.download import faults, hub, places, space
from vlmtui.models.download import hub_access as access
from vlmtui.models.download.events import Event, RemoteFile, Restarted, Started, Waiting
from vlmtui.models.download.meter import Meter, Sum
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.gguf.foreign import SNIFFED_BYTES, not_a_gguf
from vlmtui.models.stores import cache_variable
from vlmtui.net import CancelScope, Stopped, addresses

_MAGIC = b"GGUF"
_TEXTS = (".json", ".jinja")
_TOLD_EVERY_S = 0.2
_LOOKED_EVERY = 8_000_000
"""Bytes between two looks at the free space."""

_LEFT_FREE = 500_000_000
"""Bytes that a file of unknown length leaves free, or a twentieth of a small disk."""


class _Cut(Exception):
    """The file ended before it was whole."""


class _Anew(Exception):
    """What is here is of another content, or of no use to this server."""


class Transfer:
    """Fetches a file into its part; the directories are there."""

    def __init__(
        self, file: RemoteFile, scope: CancelScope, policy: RetryPolicy, all_files: Sum
    ) -> None:
        self._file = file
        self._scope = scope
        self._policy = policy
        self._all = all_files
        self._etag = places.Origin.of(file.part).etag if file.path == file.blob else ""
        self._meter = Meter(file, all_files)
        self._done = 0

    def run(self) -> Iterator[Event]:
        """Fetch until the part has as many bytes as the file.

        Raises:
            PullError: With the reason; what came is kept.
            Stopped: So it was wanted.
        """
        self._done = self._kept()
        yield Started(self._file.name, self._file.size, self._done)
        self._meter.begin(self._done)
        failed = anew = 0
        while True:
            before = self._done
            try:
                if self._done and self._done == self._file.size:
                    return
                yield from self._stream()
                return
            except _Anew as error:
                anew += 1
                if anew > 3:  # a server that says something else each time
                    message = f"{self._file.name} can't be downloaded completely: {error}"
                    raise PullError(message, "Pull again later.") from None
                self._empty()
                yield Restarted(self._file.name, str(error))
                continue
            except Exception as error:
                self._scope.check()
                fault = self._fault(error)
            # a trickle is no progress
            went_on = self._done - before >= self._policy.least_bytes
            failed = 1 if went_on else failed + 1
            most = self._policy.tries if self._all.fetched else self._policy.first_tries
            if not fault.again or failed > most:
                raise fault.error
            seconds = self._policy.base_s / 4 if went_on else self._policy.before(failed)
            if fault.after is not None:
                if fault.after > self._policy.most_asked_s:
                    raise fault.error
                seconds = fault.after
            yield Waiting(fault.reason, seconds)
            self._scope.wait(seconds)

    # ------------------------------------------------------------------------------- one request

    def _stream(self) -> Iterator[Event]:
        """Ask once, and take what comes."""
        offset = self._done
        url = self._file.url
        asked = {}
        if offset:
            asked["Range"] = f"bytes={offset}-"
            if self._etag and not self._etag.startswith("W/"):
                asked["If-Range"] = self._etag
        with net.request(
            url,
            scope=self._scope,
            headers=asked,
            secret=access.secret(url),
            timeout_s=self._policy.timeout_s,
            accepted=(200, 206, 416) if offset else (200, 206),
        ) as answer:
            if answer.status == 416:
                raise _Anew("the server has no more bytes than were kept")
            yield from self._written(self._checked(answer, offset))

    def _checked(self, answer: net.Answer, offset: int) -> Iterator[bytes]:
        """The pieces of an answer that goes on where we are, the first of them looked at."""
        pieces = self._flowing(answer.pieces())
        etag = hub.validator(answer.headers)
        if answer.status == 206:
            part = answer.part
            if part is None or part[0] != offset:
                raise _Anew("the server sent another part of the file than it was asked for")
            size = self._file.size
            if size is not None and part[1] not in (None, size):
                raise _Anew("the file on the server has another length now")
            if offset and self._etag and etag and etag != self._etag:
                raise _Anew("the file on the server has changed")
            if offset:
                self._remember(etag)
                return pieces
        # from the beginning; a page of a captive portal must not cost what was kept
        first = self._beginning(pieces)
        if offset:
            raise _Anew(
                "the file on the server has changed"
                if etag != self._etag or not etag
                else "the server can only send the file from its beginning"
            )
        self._remember(etag)
        return _chained(first, pieces)

    def _flowing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, as long as they come at more than a trickle."""
        since, came = time.monotonic(), 0
        for piece in pieces:
            yield piece
            came += len(piece)
            if time.monotonic() - since > self._policy.slow_s:
                if came < self._policy.least_bytes:
                    raise net.Failed("silent", "hardly any data arrives")
                since, came = time.monotonic(), 0

    def _beginning(self, pieces: Iterator[bytes]) -> bytes:
        first = b""
        while len(first) < SNIFFED_BYTES:
            piece = next(pieces, b"")
            if not piece:
                break
            first += piece
        if not first:
            raise _Cut
        if not first.startswith(_MAGIC[: len(first)]):
            self._refuse(first[:SNIFFED_BYTES])
        return first

    def _refuse(self, first: bytes) -> None:
        """Say what came in place of a GGUF file; of a checkpoint's files, only if it is none.

        Raises:
            NotTheFile: See above.
        """
        wrong = not_a_gguf(self._file.name, first)
        what = wrong.message.rpartition("it is ")[2]
        text = self._file.role == "checkpoint" and self._file.name.endswith(_TEXTS)
        if what == "a web page" or (what == "JSON text" and not text):
            raise faults.page(self._file.name, what)
        if self._file.role != "checkpoint":
            raise NotTheFile(wrong.message, wrong.hint)

    def _written(self, pieces: Iterator[bytes]) -> Iterator[Event]:
        size = self._file.size
        reported = looked = 0.0
        descriptor = os.open(self._file.part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.lseek(descriptor, self._done, os.SEEK_SET)
            for piece in pieces:
                self._scope.check()  # before a byte of a connection that was ended is written
                if self._done - looked >= _LOOKED_EVERY:
                    looked = self._done
                    self._see_to_space()
                self._write(descriptor, piece)
                if size is not None and self._done > size:
                    raise _Anew(f"more came than the {size:,} bytes it should have")
                now = time.monotonic()
                if now - reported >= _TOLD_EVERY_S:
                    reported = now
                    yield self._meter.read(self._done)
            if size is not None and self._done < size:
                raise _Cut
            os.fsync(descriptor)
            yield self._meter.read(self._done)
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            written = os.write(descriptor, left)
            left = left[written:]
            self._done += written
            self._all.fetched += written

    # ---------------------------------------------------------------------------------- smaller

    def _remember(self, etag: str) -> None:
        """Keep what tells this content from another, for those who go on with it later."""
        if self._file.path != self._file.blob or self._etag == etag:
            return  # in the cache of the Hub the file's name tells it
        self._etag = etag
        with suppress(OSError):
            places.Origin(etag, self._file.size).keep(self._file.part)

    def _kept(self) -> int:
        """Bytes of the part; 0 where nobody can tell whether they are of this content."""
        if self._file.path == self._file.blob and not self._etag:
            self._file.part.unlink(missing_ok=True)
            return 0
        try:
            return self._file.part.stat().st_size
        except OSError:
            return 0

    def _empty(self) -> None:
        self._file.part.unlink(missing_ok=True)
        places.Origin.forget(self._file.part)
        self._done, self._etag = 0, ""
        self._meter.begin(0)

    def _fault(self, error: Exception) -> faults.Fault:
        if isinstance(error, (VlmtuiError, Stopped)):
            raise error
        if isinstance(error, _Cut):
            reason = "the connection was cut"
            whole = f" of {self._file.size:,}" if self._file.size is not None else ""
            broken = PullError(
                f"{self._file.name} ends after {self._done:,}{whole} bytes",
                "Pull again: it continues from there.",
            )
            return faults.Fault(broken, again=True, reason=reason)
        if isinstance(error, net.Failed):
            return faults.of(error, addresses.shown(self._file.url))
        if isinstance(error, OSError):
            raise self._disk(error) from error
        raise error

    def _see_to_space(self) -> None:
        """Stop before the last byte of the disk is taken: others live there too."""
        folder = self._file.part.parent
        total, _, free = shutil.disk_usage(folder)
        if self._file.size is None:  # nobody says where it ends
            left = min(_LEFT_FREE, total // 20)
        else:
            left = self._file.size - self._done
        if left > free:
            raise space.no_room(folder, left, free, self._came())

    def _disk(self, error: OSError) -> PullError:
        folder = self._file.part.parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            left = max(1, (self._file.size or 0) - self._done)
            return space.no_room(folder, left, 0, self._came())
        if error.errno == errno.EFBIG:
            return DiskFull(
                f"The disk of {folder} takes no file of {units.size(self._file.size)}",
                f"FAT file systems hold files of up to 4 GB: set {cache_variable()} to a directory "
                "on another disk.",
                0,
            )
        return places.unwritable(error, self._file)

    def _came(self) -> str:
        return " What came is kept: pull again then." if self._done else ""


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces
