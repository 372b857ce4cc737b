"""Servers of this machine that nobody told of, found by the ports that they usually have.

Only loopback is asked, and only which models there are. Whether one of them is used is for the user
to say, by naming a model of it: then the server is added.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from vlmtui import net
from vlmtui.errors import VlmtuiError
from vlmtui.models import endpoints
from vlmtui.models.endpoints import Server, ServerModel

_CONNECT_S = 0.05
"""On loopback a port answers or refuses at once."""

_LIST_S = 0.5


def look(ports: Iterable[int]) -> list[Server]:
    """The servers at these ports that aren't in the user's list; blocks for half a second at most.

    Raises:
        StorageError: The list can't be read.
    """
    known = {urlsplit(each.url).port for each in endpoints.SERVERS.everything() if each.is_here}
    wanted = [port for port in ports if port not in known and _is_open(port)]
    if not wanted:
        return []
    with ThreadPoolExecutor(len(wanted)) as pool:
        return [server for server in pool.map(_listed, wanted) if server is not None]


def find(name: str, ports: Iterable[int]) -> ServerModel | None:
    """The model of this name that a server not in the list runs; the server is added to it.

    Raises:
        StorageError: The list can't be read or written.
    """
    for server in look(ports):
        for model in server.models:
            if model.name.lower() == name.lower():
                endpoints.SERVERS.add(server)
                return model
    return None


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), _CONNECT_S):
            return True
    except OSError:
        return False


def _listed(port: int) -> Server | None:
    """The server at a port; None where something else is."""
    host = f"localhost:{port}"
    server = Server(host, f"http://127.0.0.1:{port}/v1")
    try:
        listed = endpoints.listing(server, _LIST_S)
    except (net.Failed, VlmtuiError):  # it wants a key, or does something else
        return None
    return Server(host, server.url, listed=listed)
