"""Adding a server: it is asked for its models, and put down with them."""

from __future__ import annotations

import os
import re

import msgspec

from vlmtui import net
from vlmtui.errors import FetchFailed, InputError
from vlmtui.models import endpoints, search
from vlmtui.models.endpoints import Server
from vlmtui.models.installed import DEMO
from vlmtui.net import addresses
from vlmtui.printable import line

_NAME = re.compile(r"[^\s/\\@\x00-\x1f][^/\\@\x00-\x1f]{0,254}")
_SHOWN = 20


def add(
    address: str,
    *,
    model: str = "",
    key_variable: str = "",
    key_file: str = "",
    name: str = "",
    local_only: bool = False,
) -> Server:
    """Put a server and its models on the list; blocks.

    Args:
        address: Where its interface is.
        model: The one that is meant, instead of all that it lists.
        key_variable: The variable of the environment that has the key.
        key_file: The file that has it.
        name: What to call the server; its host where nobody says.
        local_only: Nothing is sent to another machine, not even the key.

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
    if local_only and not server.is_here:
        raise InputError(
            f"{line(server.host)} is another machine, and local_only is set",
            "Set local_only = false in the settings to add it.",
        )
    server = msgspec.structs.replace(server, name=_free(name or server.host))
    try:
        listed = endpoints.listing(server)
    except net.Refused as refused:
        listed = _without_a_list(server, refused)
    except net.Failed as failed:
        raise FetchFailed(failed.sentence(server.host), failed.hint) from failed
    if f"models/{model}" in listed:  # Gemini's endpoint lists them so, its documentation doesn't
        model = f"models/{model}"
    if model and listed and model not in listed:
        raise InputError(
            f"{server.host} has no model {line(model)}",
            f"It has: {line(', '.join(listed[:_SHOWN]))}.",
        )
    before = endpoints.holding(server.name)
    agreed = before is not None and before.agreed and before.url == url
    server = msgspec.structs.replace(server, model=model, listed=listed, agreed=agreed)
    endpoints.SERVERS.add(server)
    return server


def _free(name: str) -> str:
    """A name that nothing has yet.

    Raises:
        InputError: It is another's, or none.
    """
    if not _NAME.fullmatch(name) or name.lower() == DEMO:
        raise InputError(
            f"A server can't be called {line(name)!r}",
            "Give it another name with --name: no slashes, no @, 255 characters at most, not demo.",
        )
    for model in search.survey().models:
        if model.name.lower() == name.lower():
            raise InputError(
                f"There is a model named {model.name} on this machine",
                "Give the server another name with --name.",
            )
    return name


def _without_a_list(server: Server, refused: net.Refused) -> tuple[str, ...]:
    """What to do about a server that doesn't list its models."""
    if refused.status in (401, 403):
        what = "doesn't accept this key" if endpoints.key_of(server) else "needs a key"
        raise InputError(
            f"{server.host} {what}",
            "Name the variable that holds it: `vlmtui models add --endpoint URL "
            "--api-key-env NAME`.",
        )
    if refused.status == 404 and server.model:
        return ()
    if refused.status >= 500:
        raise InputError(
            f"{server.host} failed when it was asked for its models ({refused.status})",
            "Its log says why. It may need a key: --api-key-env NAME.",
        )
    raise endpoints.without_list(server, f" (it answered {refused.status})")
