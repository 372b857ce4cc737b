"""The way to the Hugging Face Hub, as the user's environment has it: where it is, and who may.

HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HOME and the like are read at each call; `check` says
which of them means nothing. huggingface_hub is asked for the token that `hf auth login` left, which
it may renew, and for nothing else.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from vlmtui.errors import SettingsError, Unreachable, reason
from vlmtui.models.stores import cache_variable, hugging_face_cache, hugging_face_home
from vlmtui.net import addresses
from vlmtui.printable import line

_ENDPOINT = "https://huggingface.co"
_TRUE = ("1", "on", "yes", "true")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def check() -> None:
    """See that the environment means something, and that there may be a network.

    Raises:
        SettingsError: A variable means nothing; names it.
        Unreachable: The user wants no network.
    """
    if not addresses.is_web(endpoint()):
        raise SettingsError(
            f"HF_ENDPOINT is not a web address: {line(shown_endpoint(), 80)}",
            "Give one that begins with https:, or unset it.",
        )
    variable, cache = cache_variable(), hugging_face_cache()
    place = next((each for each in (cache, *cache.parents) if os.path.exists(each)), cache)
    if os.environ.get(variable) and not place.is_dir():
        raise SettingsError(
            f"{variable} points to {line(str(place))}, which is not a directory",
            "Set it to a directory of yours, or unset it.",
        )
    seconds()
    if offline():
        raise no_network()


def seconds() -> float | None:
    """The longest wait for an answer that the user's environment asks for.

    Raises:
        SettingsError: It is no such time.
    """
    found = []
    for name in ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"):
        if value := os.environ.get(name):
            if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII) or not float(value):
                shown = line(value, 40)
                hint = f"Set it to 30, or unset {name}."
                raise SettingsError(f"{name} is not a number of seconds: {shown}", hint)
            found.append(float(value))
    return max(found, default=None)


def endpoint() -> str:
    """Address of the Hub, or of the mirror that takes its place."""
    return (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")


def shown_endpoint() -> str:
    """The same for people's eyes: without the name and password that an address may carry."""
    return addresses.shown(endpoint())


def is_hub(url: str) -> bool:
    """Whether an address is of the Hub, or of the mirror in its place."""
    return url.startswith(f"{endpoint()}/")


def offline() -> bool:
    """Whether the user wants no network."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.lower() in _TRUE


def no_network() -> Unreachable:
    """The error for a user who wants no network."""
    return Unreachable(
        "Nothing is downloaded while HF_HUB_OFFLINE is set", "Unset it, or set it to 0."
    )


def secret(url: str) -> dict[str, str]:
    """The header with the user's token; empty where there is none, or for an address elsewhere."""
    known = token() if is_hub(url) else None
    return {"Authorization": f"Bearer {known}"} if known else {}


def token() -> str | None:
    """The user's token: HF_TOKEN, or what `hf auth login` left. Never to be shown.

    Raises:
        SettingsError: It can't be one, or can't be renewed.
    """
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").lower() in _TRUE:
        return None
    for name in _TOKENS:
        if found := os.environ.get(name, "").strip():
            return _sendable(found, name)
    file = token_file()
    if os.environ.get("HF_OIDC_RESOURCE") or file.is_file():
        return _sendable(_kept_token(), str(file))
    return None


def token_file() -> Path:
    """Where `hf auth login` leaves the token."""
    place = os.environ.get("HF_TOKEN_PATH")
    return Path(os.path.expanduser(place)) if place else hugging_face_home() / "token"


def _kept_token() -> str | None:
    """The token as huggingface_hub has it, renewed where it would expire soon."""
    try:
        from huggingface_hub import constants, get_token
        from huggingface_hub.utils.logging import set_verbosity_error

        constants.HF_HUB_DISABLE_TELEMETRY = True
        if not constants.HF_DEBUG:
            # its warnings would go to the terminal, over what is drawn there
            set_verbosity_error()  # type: ignore[no-untyped-call]  # its module has no types
        return get_token()
    except Exception as error:  # it reads the environment when it is imported, and may ask the Hub
        raise SettingsError(
            line(f"The Hugging Face token can't be read: {reason(error)}", 300),
            "Set HF_TOKEN to one, or log in again: `hf auth login`.",
        ) from error


def _sendable(found: str | None, where: str) -> str | None:
    """A token that can stand in a header."""
    if found and not (found.isascii() and found.isprintable() and " " not in found):
        raise SettingsError(
            f"{where} has a token with characters that can't be in one",
            "Copy it again, from https://huggingface.co/settings/tokens",
        )
    return found
