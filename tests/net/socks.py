"""A SOCKS5 proxy on this machine, as RFC 1928 has it, for one client at a time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def socks_proxy() -> Iterator[tuple[int, list[int]]]:
    """The proxy's port, and the ports that it was asked for."""
    reached: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, reached), daemon=True).start()
        yield server.getsockname()[1], reached


def _serve(server: socket.socket, reached: list[int]) -> None:
    with suppress(OSError):
        while True:
            client = server.accept()[0]
            with client:
                _connect(client, reached)


def _connect(client: socket.socket, reached: list[int]) -> None:
    methods = client.recv(2)[1]
    client.recv(methods)
    client.sendall(b"\x05\x00")
    kind = client.recv(4)[3]
    name = client.recv(4 if kind == 1 else client.recv(1)[0])
    host = socket.inet_ntoa(name) if kind == 1 else name.decode()
    port = int.from_bytes(client.recv(2), "big")
    reached.append(port)
    with socket.create_connection((host, port)) as there:
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        back = threading.Thread(target=_copy, args=(there, client), daemon=True)
        back.start()
        _copy(client, there)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
