"""What a download tells while it runs, and the plan that it follows. Values only."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Role = Literal["model", "mmproj", "checkpoint"]
"""What a file is for; a checkpoint's are imported when they are all here."""


class RemoteFile(msgspec.Struct, frozen=True):
    """A file to be fetched, and where it goes."""

    name: str
    """In its repository, directories included; or the name it gets here."""

    role: Role
    url: str
    size: int | None
    """Bytes; None where the server doesn't say."""

    path: Path
    """Where it will be found."""

    blob: Path
    """The file itself; `path` is a link to it in the cache of the Hub, elsewhere the same."""

    part: Path
    """What has come of it so far."""

    lock: Path
    etag: str = ""
    """Tells one content of the address from another; empty where the server doesn't say."""

    digest: str = ""
    """"sha256:…", or "git:…" for Git's hash of a small file; empty where nobody says."""

    present: bool = False
    """It was here before."""

    kept: int = 0
    """Bytes that are here of it."""

    @property
    def missing(self) -> int:
        """Bytes still to be fetched, as far as that is known."""
        return 0 if self.present else max(0, (self.size or 0) - self.kept)


class Plan(msgspec.Struct, frozen=True):
    """What a pull fetches."""

    wanted: str
    """What was asked for."""

    name: str
    """What the model will be called, as far as that can be told beforehand."""

    files: tuple[RemoteFile, ...]
    """The parts of the model in their order, then the vision tower; or a checkpoint's."""

    folder: Path
    """The directory that it all goes into."""

    repository: str = ""
    """"owner/name" on the Hub; empty for other addresses."""

    revision: str = ""
    """Branch or tag that was asked for."""

    commit: str = ""
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files, as far as that is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def missing(self) -> int:
        """Bytes still to be fetched, as far as that is known."""
        return sum(file.missing for file in self.files)

    def of(self, role: Role) -> tuple[RemoteFile, ...]:
        return tuple(file for file in self.files if file.role == role)


class Resolving(msgspec.Struct, frozen=True):
    """The server is asked what there is."""

    wanted: str


class Waiting(msgspec.Struct, frozen=True):
    """Nothing moves for a while; it goes on by itself."""

    reason: str
    seconds: float | None
    """None when nobody knows how long."""


class Resolved(msgspec.Struct, frozen=True):
    """It is known what will be fetched."""

    plan: Plan


class Started(msgspec.Struct, frozen=True):
    """A file begins to come, or goes on."""

    file: str
    total: int | None
    done: int
    """Bytes that are here already."""


class Progress(msgspec.Struct, frozen=True):
    """More of a file has come; told a few times a second."""

    file: str
    done: int
    total: int | None
    bytes_per_s: float
    """Over the last seconds; 0 until there is something to measure."""

    seconds_left: float | None
    """Until all files are here."""

    all_done: int
    """Bytes of all files of the plan."""

    all_total: int


class Restarted(msgspec.Struct, frozen=True):
    """What had come of a file was of no use; it is fetched from its beginning."""

    file: str
    reason: str


class Verifying(msgspec.Struct, frozen=True):
    """The hash of a file is compared."""

    file: str
    done: int
    total: int


class Importing(msgspec.Struct, frozen=True):
    """A checkpoint whose files are here is made into a model."""

    tensor: str
    """The one that is being worked on."""

    fraction: float
    """Of the bytes to be written."""

    seconds_left: float | None


class Ready(msgspec.Struct, frozen=True):
    """A file is whole, and in its place."""

    file: str
    path: Path


class Finished(msgspec.Struct, frozen=True):
    """All files are here. The last event."""

    name: str
    paths: tuple[Path, ...]
    """In the order of the plan; of a checkpoint, those of what was made of it."""

    fetched: int
    """Bytes that came over the network."""


class Cancelled(msgspec.Struct, frozen=True):
    """It was cancelled; what came is kept. The last event."""

    kept: int
    total: int


Event = (
    Resolving
    | Waiting
    | Resolved
    | Started
    | Progress
    | Restarted
    | Verifying
    | Importing
    | Ready
    | Finished
    | Cancelled
)
