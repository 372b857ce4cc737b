"""Whether a model will fit into memory, before it is downloaded.

Joins what a download would fetch (`models.download`), of which only headers are read, a few
megabytes over the network, with what is free (`hardware`).
"""

from __future__ import annotations

from vlmtui.chat import outlook
from vlmtui.chat.fitting import Prospect
from vlmtui.chat.outlook import Outlook
from vlmtui.engine.base import KvType, Load
from vlmtui.errors import BadModelFile, FetchFailed, NothingToPull
from vlmtui.models import gguf
from vlmtui.models.download import Plan, Pull, RemoteFile, Resolved, hub
from vlmtui.models.fit import Machine
from vlmtui.models.gguf import Header
from vlmtui.settings import Settings


def expected(plan: Plan, settings: Settings, machine: Machine) -> Outlook:
    """Read the headers of a plan's files, and compare what they need with what is free. Blocks.

    Args:
        plan: What would be fetched.
        settings: How it would be loaded.
        machine: The memory there is.
    """
    if not plan.of("model"):
        return Outlook(words="a vision tower alone, for a model that is here")
    try:
        prospect = prospect_of(plan, settings.ctx, settings.kv, settings.gpu_layers)
    except (BadModelFile, FetchFailed) as error:
        return outlook.of_problem(error)
    return outlook.of_prospect(prospect, machine)


def prospect_of(plan: Plan, ctx: int, kv: KvType, gpu_layers: int) -> Prospect:
    """What can be known of a load of a plan's model, from headers. Blocks.

    Raises:
        BadModelFile: llama.cpp would refuse it.
        FetchFailed: A header can't be had.
    """
    models, towers = plan.of("model"), plan.of("mmproj")
    tower = _header(towers) if towers else None
    name = towers[0].name if towers else None
    load = Load(models[0].name, name, plan.name, ctx=ctx, kv=kv, gpu_layers=gpu_layers)
    return Prospect(load, _header(models), tower)


def plan_of(wanted: str, mmproj: str = "") -> Plan | None:
    """What a pull would fetch; None for what is no name of something to be had. Blocks.

    Args:
        wanted: As of `Pull`.
        mmproj: As of `Pull`.

    Raises:
        PullError: The server can't be asked, or leaves a choice.
    """
    try:
        pull = Pull(wanted, mmproj=mmproj)
    except NothingToPull:
        return None
    for event in pull.run():
        if isinstance(event, Resolved):
            return event.plan
    return None


def _header(parts: tuple[RemoteFile, ...]) -> Header:
    first = parts[0]
    if all(part.path.exists() for part in parts):
        return gguf.from_path(first.path)
    secret = {
        name: value for name, value in hub.headers(first.url).items() if name == "Authorization"
    }
    return gguf.from_url(first.url, secret)
