"""What downloads of models depend on: cache, token, mirror, proxy. Uses no network itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from vlmtui import paths
from vlmtui.doctor.finding import Finding
from vlmtui.errors import SettingsError
from vlmtui.models.download import hub_access as access
from vlmtui.models.stores import cache_variable, hugging_face_cache
from vlmtui.net import Failed, proxies


def findings() -> list[Finding]:
    """Where downloaded models go, and how they get there."""
    found = [_cache(), _token()]
    if os.environ.get("HF_ENDPOINT"):
        found.append(Finding("mirror", "info", f"{access.shown_endpoint()} (HF_ENDPOINT)"))
    if proxy := proxies.variable():
        # its address may have a password in it
        found.append(Finding("proxy", "info", f"set by {proxy}"))
    found += _meaningless()
    if access.offline():
        advice = "Unset HF_HUB_OFFLINE to download models"
        found.append(Finding("network", "info", "HF_HUB_OFFLINE: none is used", advice))
    return found


def _cache() -> Finding:
    cache = hugging_face_cache()
    there = next((each for each in (cache, *cache.parents) if os.path.exists(each)), Path("/"))
    value = paths.shown(cache)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        problem = "read-only" if there.is_dir() else f"but {there} is not a directory"
        advice = f"Make {there} writable, or set {cache_variable()} to a directory of yours"
        return Finding("Hugging Face cache", "warn", f"{value}, {problem}", advice)
    free = shutil.disk_usage(there).free
    return Finding("Hugging Face cache", "ok", f"{value}, {free / 1e9:.1f} GB free")


def _meaningless() -> list[Finding]:
    """The variable without which nothing can be downloaded."""
    try:
        proxies.check()
        proxies.certificates()
        if not access.offline():
            access.check()
    except (SettingsError, Failed) as error:
        message = error.message if isinstance(error, SettingsError) else error.reason
        return [Finding("environment", "fail", message, error.hint)]
    return []


def _token() -> Finding:
    """Whether there is one; huggingface_hub, which may renew it over the network, isn't asked."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if os.environ.get(variable, "").strip():
            return Finding("Hugging Face token", "ok", f"present ({variable})")
    place = access.token_file()
    try:
        present = place.stat().st_size > 0
    except OSError:
        present = False
    if present:
        return Finding("Hugging Face token", "ok", f"present ({paths.shown(place)})")
    advice = "Only models with terms to accept need one: `hf auth login`, or HF_TOKEN"
    return Finding("Hugging Face token", "info", "none", advice)
