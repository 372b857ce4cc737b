"""A model that was just made, loaded once to see whether it can be."""

from __future__ import annotations

from contextlib import closing

import msgspec

from vlmtui import paths
from vlmtui.engine.client import EngineClient
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import BadModelFile, EngineCrashed, LoadFailed, OutOfMemory

_CTX = 512


def loads(load: Load, source: str) -> bool | None:
    """Whether a model can be loaded; None when there isn't the memory to find out.

    A small context is taken. What it was made of, the source, is named in an error.

    Raises:
        LoadFailed: It can't; it is worth nothing.
    """
    try:
        with engine() as started:
            for _ in started.load(msgspec.structs.replace(load, ctx=_CTX)):
                pass
        return True
    except OutOfMemory:
        return None
    except EngineCrashed as error:
        if error.memory_was_short:
            return None
        raise _worthless(source, error) from error
    except (LoadFailed, BadModelFile) as error:
        raise _worthless(source, error) from error


def engine() -> closing[EngineClient]:
    """An engine of one's own."""
    return closing(EngineClient(paths.engine_log_path()))


def _worthless(source: str, error: LoadFailed | BadModelFile | EngineCrashed) -> LoadFailed:
    return LoadFailed(
        f"The model made from {source} can't be loaded: {error.message}", "Nothing was kept."
    )
