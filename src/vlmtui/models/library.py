"""From what a user calls a model to the files that make it up.

Knows the bundled demo model itself; for all others `search` looks on this machine. Of files it
reads headers; whether a model can be loaded is for others to say.
"""

from __future__ import annotations

from vlmtui import demo
from vlmtui.errors import ModelNotFound
from vlmtui.models.installed import DEMO, InstalledModel

# `search` is imported when it is needed: the chat with the demo model starts without it


def resolve(name: str, mmproj: str | None = None) -> InstalledModel:
    """Find a model by its name, "demo" or another, or by the path of its GGUF file (`~` expanded).

    Names are those of `search.survey`, their aliases, what one of them alone begins with, and
    those of files that were opened by their path before; large and small letters are the same.
    Without `mmproj`, the tower that lies beside the model and goes with it is taken.

    Raises:
        ModelNotFound: No such model, several of them, or the projector can't be told.
        BadModelFile: A file of it is no GGUF file.
    """
    if name == DEMO and mmproj is None:
        return InstalledModel(DEMO, demo.model_path(), demo.mmproj_path(), "demo")
    from vlmtui.models import search

    try:
        return search.resolve(name, mmproj)
    except ModelNotFound as error:
        from vlmtui.models import endpoints

        if endpoints.holding(name) is None:
            raise
        raise ModelNotFound(
            f"{name} runs on a server: there are no files of it on this machine",
            "`vlmtui models --here` lists the models that have some.",
        ) from error


def remember(model: InstalledModel) -> None:
    """Let a model that was named by its path be found by its name later on."""
    if model.source == "file":
        from vlmtui.models import search

        search.remember(model)


def template(model: InstalledModel) -> str | None:
    """The chat template that the catalogue has for a model whose file carries none."""
    if model.source == "demo":
        return None
    from vlmtui.models import catalog

    entry = catalog.load().find(model.name)
    return (entry.template or None) if entry is not None else None
