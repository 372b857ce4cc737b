"""What only a host of engines and its clients say to each other, besides the engine's language.

It travels in the same frames. A host (`host`) keeps engines for every vlmtui of a user, so there is
more to say than to an engine of one's own: who one is, that a model may be there already, that
memory is wanted, and what became of an engine that others use too.
"""

from __future__ import annotations

import msgspec

from vlmtui.engine.engine_events import ModelInfo
from vlmtui.engine.engine_requests import Load

# --------------------------------------------------------------------------------------- requests


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first frame of a connection."""

    version: str
    """Of vlmtui: frames of another one may mean something else."""

    who: str
    """What others are told that they wait for: a terminal's name."""

    keep_alive: float
    """Seconds that a model stays when its last client, this one, has left; negative: for ever."""

    log: str
    """The client's own log; those of the engines that are started for it lie beside."""


class Join(msgspec.Struct, frozen=True, tag="join"):
    """Use the model if it is loaded. Whatever else the client used is let go of.

    Otherwise nobody else may load until this client has, or has asked for something else.
    """

    asked: Load
    """As the user wants it, before anything was changed to make it fit."""


class MakeRoom(msgspec.Struct, frozen=True, tag="make_room"):
    """End an engine that this client doesn't use, as soon as it has answered.

    It is the one that is missed the least. `Absent` tells that it has ended; where there is none,
    nothing does.
    """


class Release(msgspec.Struct, frozen=True, tag="release"):
    """Let go of the model; its memory is given back unless others use it."""


class Abort(msgspec.Struct, frozen=True, tag="abort"):
    """End the request, with the engine's process if that is at it."""


class Look(msgspec.Struct, frozen=True, tag="look"):
    """Tell what there is: `HostState`."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End all engines and the host."""

    now: bool
    """In the middle of answers, too."""


HostRequest = Hello | Join | MakeRoom | Release | Abort | Look | Stop

# ----------------------------------------------------------------------------------------- events


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The answer to `Hello`."""

    version: str
    pid: int


class Running(msgspec.Struct, frozen=True, tag="running"):
    """The process that works for this client from now on."""

    pid: int
    """0 for none."""


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """Ends a request: the model made way for another, or its process died in between."""


class Died(msgspec.Struct, frozen=True, tag="died"):
    """Ends a request: the engine's process died over it."""

    status: int
    """Exit status; negative for a signal."""

    log: str
    """Path of the process' log."""

    log_tail: str


class EngineView(msgspec.Struct, frozen=True):
    """An engine of a host, from outside."""

    pid: int
    load: Load
    info: ModelInfo | None
    """None while it loads."""

    clients: tuple[str, ...]
    answering: str
    """Who has its turn; empty for nobody."""

    waiting: int
    context_used: int
    """Tokens in the KV cache, after the last answer."""

    pictures: int
    """Encoded since it was loaded."""

    left_s: float | None
    """Seconds until it ends; None while it is used, or where it stays for ever."""


class HostState(msgspec.Struct, frozen=True, tag="host_state"):
    """A host, from outside."""

    pid: int
    version: str
    engines: tuple[EngineView, ...]


HostEvent = Welcome | Running | Gone | Died | HostState
