"""Whether words and pictures may go to another machine: asked once for each server, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from vlmtui import printable
from vlmtui.engine.engine_requests import Endpoint, Load
from vlmtui.errors import InputError

if TYPE_CHECKING:  # the network: not needed for a model that is here
    from vlmtui.models.endpoints import Server

_NAME = 60

ASKED_ONCE = "Each question sends the whole chat there. You are asked once"


def missing(load: Load) -> Server | None:
    """The other machine that runs a model, if the user hasn't said yes to it yet."""
    if not isinstance(load.source, Endpoint):
        return None
    from vlmtui.models import endpoints

    server = endpoints.holding(load.name)
    return server if server is not None and not (server.is_here or server.agreed) else None


def question(server: Server) -> str:
    """What is to be said yes to."""
    return f"Send this chat and its pictures to {printable.line(server.host, _NAME)}?"


def give(server: Server) -> None:
    """Keep that the user said yes to a server: nobody is asked about it again."""
    from vlmtui.models import endpoints

    endpoints.SERVERS.add(msgspec.structs.replace(server, agreed=True))


def settle(load: Load, confirm: Callable[[str], bool] | None = None) -> None:
    """See that the user knows where a model's questions go, before the first one does.

    Args:
        load: The model that is about to be asked.
        confirm: Asks the user; None where nobody can be asked.

    Raises:
        InputError: The user doesn't want it, or can't be asked.
        StorageError: The list of servers can't be read or written.
    """
    server = missing(load)
    if server is None:
        return
    host = printable.line(server.host, _NAME)
    if confirm is None:
        raise InputError(
            f"{load.name} runs on {host}, another machine: questions and pictures go there",
            f"`vlmtui models agree {printable.line(server.name, _NAME)}` allows that, for all "
            "questions and chats.",
        )
    if not confirm(question(server)):
        raise InputError(f"Nothing was sent to {host}", "Choose another model with --model.")
    give(server)
