"""From the settings to what an engine is asked: which model to load, and how to choose tokens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from vlmtui import kept, paths
from vlmtui.builtin_templates import BUILTIN, NAMES
from vlmtui.engine.engine_requests import DiskCache, Endpoint, Files, KvType, Load, Sampling, Tower
from vlmtui.errors import InputError, ModelNotFound, StorageError
from vlmtui.models import library
from vlmtui.models.installed import DEMO, InstalledModel
from vlmtui.models.towers import tower_store
from vlmtui.settings import Settings, server_ports

if TYPE_CHECKING:  # the network: not needed for a model that is here
    from vlmtui.models.endpoints import ServerModel


def load_request(settings: Settings, model: str | None = None, mmproj: str | None = None) -> Load:
    """What the engine is asked to load.

    Args:
        settings: The user's settings.
        model: Name or path of a model, instead of the one in the settings.
        mmproj: Path of its projector.

    Raises:
        InputError: There is no such model, or its path is no text.
    """
    if model is None:
        model, mmproj = settings.model, mmproj or settings.mmproj
    return named(settings, model, mmproj)


def asked_for(
    settings: Settings,
    model: str | None,
    mmproj: str | None,
    template: str | None,
    *,
    ctx: int | None = None,
    kv: KvType | None = None,
) -> Load:
    """What the engine is asked to load by the options of a command; None for what the settings say.

    Args:
        settings: The user's settings.
        model: Name or path of a model.
        mmproj: Path of its projector.
        template: Its chat template, the name of a built-in one or a file.
        ctx: Context size in tokens.
        kv: What the KV cache is kept in.

    Raises:
        InputError: There is no such model or template, or a server decides what was asked for.
    """
    if template is not None:
        settings = with_template(settings, model, template)
    load = load_request(settings, model, mmproj)
    given = {name: value for name, value in (("ctx", ctx), ("kv", kv)) if value is not None}
    if given and isinstance(load.source, Endpoint):
        raise InputError(
            f"{load.name} runs on a server, which manages its context and KV cache itself",
            "Leave out --ctx and --kv.",
        )
    return msgspec.structs.replace(load, **given)


def named(settings: Settings, name: str, mmproj: str | None = None) -> Load:
    """What the engine is asked to load for a model that goes by a name, here or on a server.

    Args:
        settings: The user's settings.
        name: The name, or the path of a GGUF file.
        mmproj: Path of its projector.

    Raises:
        InputError: There is no such model, its path is no text, or the key to it is missing.
    """
    if name == DEMO or mmproj is not None:
        return request_for(settings, library.resolve(name, mmproj))
    from vlmtui.models import endpoints

    served = endpoints.models()
    for model in served:
        if model.name.lower() == name.lower():
            return of_server(settings, model)
    try:
        return request_for(settings, library.resolve(name))
    except ModelNotFound:
        from vlmtui.models import local_servers

        found = endpoints.find(name, served) or local_servers.find(name, server_ports(settings))
        if found is None:
            raise
        return of_server(settings, found)


def of_server(settings: Settings, model: ServerModel) -> Load:
    """What the engine is asked for a model that a server runs.

    Raises:
        InputError: The key to the server is missing, or chats shall stay on this machine.
    """
    from vlmtui.models import endpoints

    if settings.local_only and not model.server.is_here:
        raise InputError(
            f"{model.name} runs on {model.server.host}, and local_only is set",
            "Choose a model on this machine, or set local_only = false in the settings.",
        )
    endpoint = Endpoint(model.server.url, model.model, endpoints.key_of(model.server))
    return Load(endpoint, name=model.name)


def request_for(settings: Settings, model: InstalledModel) -> Load:
    """What the engine is asked to load for a model that was found, and is going to be used.

    Raises:
        InputError: Its path is no text.
    """
    request = loading(settings, model)
    library.remember(model)  # the chat will know it by its name alone
    return request


def loading(settings: Settings, model: InstalledModel) -> Load:
    """The same for a model that is only looked at.

    Raises:
        InputError: Its path is no text, or there is no such chat template as the settings name.
    """
    template = settings.templates.get(model.name)
    return Load(
        Files(_as_text(model.path), _as_text(model.mmproj) if model.mmproj is not None else None),
        name=model.name,
        template=None if template is None else _template(template),
        disk_cache=_disk_cache(settings),
        fallback_template=library.template(model),
        tower=_tower(model.mmproj) if model.mmproj is not None else None,
        **_settings_of(Load, settings),
    )


def _disk_cache(settings: Settings) -> DiskCache | None:
    """Where engines keep what they have computed; None where they shouldn't, or can't."""
    try:
        path = _as_text(paths.engine_cache_dir()) if settings.disk_cache_gb else ""
    except (InputError, StorageError):  # it costs time, and nothing else
        return None
    return DiskCache(path, int(settings.disk_cache_gb * 1e9)) if path else None


def _tower(mmproj: Path) -> Tower | None:
    """The graph that was made of a vision tower, if it agrees with what it was made of."""
    if not tower_store.any_there():
        return None
    graph = tower_store.find(mmproj)
    about = tower_store.described(graph) if graph is not None else None
    if graph is None or about is None or not about.agrees:
        return None
    return Tower(_as_text(graph), about.side, about.tiles)


def with_template(settings: Settings, model: str | None, template: str) -> Settings:
    """The settings with a chat template for one model.

    Args:
        settings: The user's settings.
        model: Name or path of the model; None for that of the settings.
        template: Name of a built-in template, or path of a file.

    Raises:
        InputError: There is no such model, or no such template.
    """
    _template(template)
    name = library.resolve(settings.model if model is None else model).name
    templates = {**settings.templates, name: template}
    return msgspec.structs.replace(settings, templates=templates)


def _template(wanted: str) -> str:
    """A built-in template's name, or the source in a file.

    Raises:
        InputError: It is neither.
    """
    if wanted in BUILTIN:
        return wanted
    hint = f"Name a file with Jinja source, or one of {NAMES}."
    return kept.text_at(wanted, "chat template", hint)


def is_of(load: Load, model: InstalledModel) -> bool:
    """Whether a load is of this model, with whatever tower."""
    return isinstance(load.source, Files) and load.source.model == str(model.path)


def sampling(settings: Settings) -> Sampling:
    """How the settings want the next token chosen."""
    return Sampling(**_settings_of(Sampling, settings))


def _settings_of(asked: type[Load | Sampling], settings: Settings) -> dict[str, Any]:
    """What the settings say of a request: those of the same name as a field of it."""
    known = msgspec.structs.asdict(settings)
    return {name: known[name] for name in asked.__struct_fields__ if name in known}


def _as_text(path: Path) -> str:
    """A path that can travel to the engine; a link whose name can't is followed.

    Raises:
        InputError: It is no UTF-8: such bytes are lone surrogates here.
    """
    for name in (str(path), os.path.realpath(path)):
        if name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name):
            return name
    raise InputError(
        f"The name of {path} is not valid UTF-8", "Rename the file, or name a link to it."
    )
