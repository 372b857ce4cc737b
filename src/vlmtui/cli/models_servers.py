"""Models that servers run, in the library: `vlmtui models add --endpoint`, and `rm` of them."""

from __future__ import annotations

import json
import os
import re

import click

from vlmtui import net
from vlmtui.errors import FetchFailed, InputError
from vlmtui.models import endpoints, library
from vlmtui.models.endpoints import Server
from vlmtui.net import addresses
from vlmtui.printable import line

_NAME = re.compile(r"[^\s/\\@\x00-\x1f][^/\\@\x00-\x1f]*")
_SHOWN = 20


def add_server(
    address: str, *, model: str, key_variable: str, key_file: str, name: str, as_json: bool
) -> int:
    """Register a server's models.

    Raises:
        VlmtuiError: The address, the name or the key is wrong, or the server can't be asked.
    """
    url = endpoints.interface(address)
    if url.startswith("http:") and addresses.is_public(url):
        raise InputError(
            f"Plain http: others could read what is sent to {line(addresses.shown(url))}",
            "Write https:. http: is for this machine and your own network.",
        )
    server = Server("", url, model, key_variable, os.path.abspath(key_file) if key_file else "")
    server = _called(server, name or server.host)
    try:
        listed = endpoints.listing(server)
    except net.Refused as refused:
        listed = _without_a_list(server, refused)
    except net.Failed as failed:
        raise FetchFailed(failed.told(server.host), failed.hint) from failed
    if model and listed and model not in listed:
        raise InputError(
            f"{server.host} has no model {line(model)}",
            f"It has: {line(', '.join(listed[:_SHOWN]))}.",
        )
    before = endpoints.holding(server.name)
    agreed = before is not None and before.agreed and before.url == url
    server = Server(server.name, url, model, key_variable, server.key_file, listed, agreed)
    endpoints.SERVERS.add(server)
    names = [each.name for each in server.models]
    if as_json:
        print(json.dumps({"name": server.name, "url": url, "models": names}))
        return 0
    for each in names[:_SHOWN]:
        click.echo(line(each))
    if len(names) > _SHOWN:
        click.echo(f"and {len(names) - _SHOWN} more: `vlmtui models` lists them")
    return 0


def remove_server(name: str, *, as_json: bool) -> bool:
    """Forget a server, by its name or that of a model of it; returns whether there is one.

    Raises:
        StorageError: The list can't be read or written.
    """
    server = endpoints.holding(name)
    if server is None:
        return False
    endpoints.SERVERS.remove(server.name)
    if as_json:
        print(json.dumps({"name": server.name, "freed": 0, "files": []}))
    else:
        click.echo(f"{line(server.name)} and its models are no longer listed.")
    return True


def _called(server: Server, name: str) -> Server:
    if not _NAME.fullmatch(name) or name.lower() == library.DEMO:
        raise InputError(
            f"A server can't be called {line(name)!r}",
            "Give it another name with --name: no slashes, no @, and not demo.",
        )
    for model in library.survey().models:
        if model.name.lower() == name.lower():
            raise InputError(
                f"There is a model named {model.name} on this machine",
                "Give the server another name with --name.",
            )
    return Server(name, server.url, server.model, server.key_variable, server.key_file)


def _without_a_list(server: Server, refused: net.Refused) -> tuple[str, ...]:
    """What to do about a server that doesn't list its models."""
    if refused.status in (401, 403):
        what = "doesn't accept this key" if endpoints.key_of(server) else "wants a key"
        raise InputError(
            f"{server.host} {what}", "Name the variable that holds it with --api-key-env NAME."
        )
    if refused.status == 404 and server.model:
        return ()
    raise InputError(
        f"{server.host} lists no models at {server.url}/models (it answered {refused.status})",
        "Name one with --model ID. The address of the interface often ends in /v1.",
    )
