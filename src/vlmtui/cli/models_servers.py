"""Models that servers run, in the library: `vlmtui models add --endpoint`, and `rm` of them."""

from __future__ import annotations

import click

from vlmtui.cli.json_output import print_json
from vlmtui.models import added_servers, endpoints
from vlmtui.printable import line

_SHOWN = 20


def add_server(
    address: str, *, model: str, key_variable: str, key_file: str, name: str, as_json: bool
) -> int:
    """Register a server's models, and list them.

    Raises:
        VlmtuiError: As `added_servers.add`.
    """
    from vlmtui.settings import load_settings

    server = added_servers.add(
        address,
        model=model,
        key_variable=key_variable,
        key_file=key_file,
        name=name,
        local_only=load_settings().local_only,
    )
    names = [each.name for each in server.models]
    if as_json:
        print_json({"name": server.name, "url": server.url, "models": names})
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
        print_json({"name": server.name, "freed": 0, "files": []})
    else:
        click.echo(f"{line(server.name)} and its models are no longer listed.")
    return True
