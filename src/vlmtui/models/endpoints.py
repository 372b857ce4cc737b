"""Models of servers that the user told of with `models add --endpoint`.

Kept is where a server is, which variable or file has the key to it, and the models that it listed
last; never the key itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from vlmtui import kept, net
from vlmtui.errors import InputError, ModelNotFound, os_errors_as
from vlmtui.models.named_list import NamedList
from vlmtui.net import addresses

_SECONDS = 5.0
_MOST_BYTES = 5_000_000
_MOST_MODELS = 1000
_KEY_BYTES = 10_000


class Server(msgspec.Struct, frozen=True):
    """A server that answers with OpenAI's protocol."""

    name: str
    url: str
    """Where its interface begins: "http://board:8080/v1"."""

    model: str = ""
    """The one that is meant; empty: all that it lists."""

    key_variable: str = ""
    """The variable of the environment that has the key."""

    key_file: str = ""
    """The file that has the key, where no variable does."""

    listed: tuple[str, ...] = ()
    """The models that it listed when it was asked last."""

    agreed: bool = False
    """The user knows that chats go there, and has said yes."""

    @property
    def is_here(self) -> bool:
        """It is this machine itself, or the near end of a tunnel: nothing leaves by it."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    @property
    def host(self) -> str:
        """Who it is, for a person."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def models(self) -> tuple[ServerModel, ...]:
        if self.model:
            return (ServerModel(self.name, self, self.model),)
        return tuple(ServerModel(f"{self.name}/{_short(each)}", self, each) for each in self.listed)


class ServerModel(msgspec.Struct, frozen=True):
    """A model that a server runs."""

    name: str
    """What it is called here: "board/llava"."""

    server: Server
    model: str
    """What the server calls it."""


def _short(model: str) -> str:
    """A model's name without the path of a file, which llama-server tells, or Gemini's folder."""
    if model.startswith("/"):
        return model.rpartition("/")[2].removesuffix(".gguf")
    return model.removeprefix("models/")


# ------------------------------------------------------------------------------------- the list


SERVERS = NamedList("servers.json", list[Server], "servers", "vlmtui models add --endpoint")


def models() -> list[ServerModel]:
    """All models of all servers, as they were listed last.

    Raises:
        StorageError: The list can't be read.
    """
    return [model for server in SERVERS.everything() for model in server.models]


def holding(name: str) -> Server | None:
    """The server of this name, or that of a model of this name.

    Raises:
        StorageError: The list can't be read.
    """
    wanted = name.lower()
    for server in SERVERS.everything():
        names = [server.name, *(model.name for model in server.models)]
        if wanted in (each.lower() for each in names):
            return server
    return None


def find(name: str, among: Iterable[ServerModel]) -> ServerModel | None:
    """The one model that a name means, or begins.

    Raises:
        ModelNotFound: Several do.
    """
    wanted = name.lower()
    known = list(among)
    for model in known:
        if model.name.lower() == wanted:
            return model
    begun = [model for model in known if wanted and model.name.lower().startswith(wanted)]
    if len(begun) > 1:
        names = ", ".join(model.name for model in begun[:8])
        raise ModelNotFound(f"{name!r} is the beginning of several models: {names}")
    return begun[0] if begun else None


# -------------------------------------------------------------------------------- asking a server


def interface(address: str) -> str:
    """Where a server's interface begins; `/v1` where the address has no path.

    Raises:
        InputError: It is no address of the web.
    """
    address = address if "://" in address else f"http://{address}"
    if not addresses.is_web(address) or not address.isprintable():
        raise InputError(
            f"{addresses.shown(address)} is not a server address",
            "For example: http://localhost:8080/v1",
        )
    parts = urlsplit(address)
    if parts.username or parts.password:
        raise InputError(
            "A key doesn't belong in the address, where everyone can see it",
            "Name the variable that holds it with --api-key-env NAME.",
        )
    if parts.query or parts.fragment:
        raise InputError(
            f"{addresses.shown(address)} can't have more than a path: no ? and no #",
            "For a key, name the variable that holds it with --api-key-env NAME.",
        )
    return address.rstrip("/") + ("" if parts.path.strip("/") else "/v1")


def listing(server: Server, seconds: float = _SECONDS) -> tuple[str, ...]:
    """The models that a server lists now; blocks for twice these seconds at most.

    Raises:
        InputError: The key is missing, or the server doesn't list any.
        net.Failed: It can't be reached, or says no.
    """
    key = key_of(server)
    with net.request(
        f"{server.url}/models",
        scope=net.CancelScope(),
        secret={"Authorization": f"Bearer {key}"} if key else {},
        timeout_s=seconds,
        leave=False,
    ) as answer:
        content = answer.whole(_MOST_BYTES, seconds)
    try:
        rows = msgspec.json.decode(content, type=_Listed).data
    except (ValueError, RecursionError):
        rows = []
    found = tuple(row.id for row in rows if row.id.isprintable())[:_MOST_MODELS]
    if not found:
        raise without_list(server)
    return found


def without_list(server: Server, why: str = "") -> InputError:
    """The error for a server that doesn't say which models it has."""
    return InputError(
        f"{server.host} lists no models at {server.url}/models{why}",
        "The address of the interface often ends in /v1; or name a model of the server: "
        "`vlmtui models add --endpoint URL --model ID`.",
    )


class _Row(msgspec.Struct):
    id: str


class _Listed(msgspec.Struct):
    data: list[_Row]


def key_of(server: Server) -> str:
    """The key to a server; empty where it needs none.

    Raises:
        InputError: The variable isn't set, the file can't be read or is open to others.
    """
    if server.key_variable:
        key = os.environ.get(server.key_variable, "").strip()
        if not key and not server.key_file:
            raise InputError(
                f"{server.key_variable} isn't set: it should hold the key to {server.host}",
                f"Set it: export {server.key_variable}=…",
            )
        if key:
            return _checked(key, server.key_variable)
    return key_in(server.key_file, server.host) if server.key_file else ""


def key_in(file: str, to: str) -> str:
    """The key to something that a file holds, which nobody else may read.

    Raises:
        InputError: It can't be read, is open to others, or holds no key.
    """
    path = Path(os.path.expanduser(file))
    with os_errors_as(
        InputError,
        f"The key to {to} can't be read from {path}",
        "Check the path given to --api-key-file.",
    ):
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(
                f"Others can read the key in {path}", f"Close it to them: chmod 600 {path}"
            )
        return _checked(kept.read(path, _KEY_BYTES).decode(errors="replace").strip(), str(path))


def _checked(key: str, where: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(f"What {where} holds is not a key", "It should be one word of ASCII.")
    return key
