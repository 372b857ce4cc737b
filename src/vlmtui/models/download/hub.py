"""The Hugging Face Hub: where it is, what a repository has, who may.

Two questions are put to it: what a repository has, and what a file is. Both answers are taken for
what they claim to be only within bounds of size, time and shape. The environment (HF_ENDPOINT,
HF_TOKEN, HF_HUB_OFFLINE, HF_HOME) is read at each call, and `check` says which variable means
nothing. huggingface_hub itself is asked for the token alone, which it may renew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec
from msgspec import Meta

from vlmtui import net
from vlmtui.errors import NotTheFile, SettingsError, Unreachable
from vlmtui.models.stores import cache_variable, hugging_face_cache, hugging_face_home
from vlmtui.net import addresses
from vlmtui.printable import line

_Answer = TypeVar("_Answer")

_ENDPOINT = "https://huggingface.co"
_HOSTS = ("huggingface.co", "hf.co", "www.huggingface.co")
_TRUE = ("1", "on", "yes", "true")
_ADDRESS = re.compile(
    r"/(?P<repository>[\w.-]+/[\w.-]+?)"
    r"(?:/(?:resolve|blob|raw)/(?P<revision>[^/]+)/(?P<file>.+)|/tree/(?P<tree>[^/]+))?/?"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_NEAR = 5
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_MOST_BYTES = 20_000_000
"""Of a list of files; the longest of the Hub have some megabytes."""

_TIMEOUTS = 4
"""Timeouts that all of an answer may take."""


class Listed(msgspec.Struct, frozen=True):
    """A file of a repository."""

    name: str
    size: int | None = None
    digest: str = ""
    """As in `RemoteFile`."""


class Repository(msgspec.Struct, frozen=True):
    """What a repository has at one commit."""

    name: str
    commit: str
    files: tuple[Listed, ...]
    gated: bool = False
    """Its terms have to be accepted before its files can be had."""

    licence: str = ""


class Stored(msgspec.Struct, frozen=True):
    """What the Hub says of one file."""

    etag: str
    size: int | None
    digest: str


Size = Annotated[int, Meta(ge=0, le=2**60)]


class _Lfs(msgspec.Struct):
    sha256: str


class _Sibling(msgspec.Struct, rename="camel"):
    rfilename: str
    size: Size | None = None
    blob_id: str | None = None
    lfs: _Lfs | None = None


class _Model(msgspec.Struct, rename="camel"):
    """What the Hub says of a repository, as far as it is used here."""

    sha: str | None = None
    siblings: list[_Sibling] = []
    gated: bool | str | None = None
    card_data: Any = None


class _Found(msgspec.Struct):
    id: str


def endpoint() -> str:
    """Address of the Hub, or of the mirror that takes its place."""
    return (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")


def shown_endpoint() -> str:
    """The same for people's eyes: without the name and password that an address may carry."""
    return addresses.shown(endpoint())


def offline() -> bool:
    """Whether the user wants no network."""
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.lower() in _TRUE


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
    return Path(place).expanduser() if place else hugging_face_home() / "token"


def _kept_token() -> str | None:
    """The token as huggingface_hub has it, renewed where it would expire soon."""
    try:
        from huggingface_hub import constants, get_token
        from huggingface_hub.utils.logging import set_verbosity_error

        constants.HF_HUB_DISABLE_TELEMETRY = True
        if not constants.HF_DEBUG:
            # its warnings would go to the terminal, over what is drawn there
            set_verbosity_error()  # type: ignore[no-untyped-call]
        return get_token()
    except Exception as error:  # it reads the environment when it is imported, and may ask the Hub
        raise SettingsError(
            line(f"The token of Hugging Face can't be had: {error}", 300),
            "Set HF_TOKEN to one, or log in again: `hf auth login`.",
        ) from error


def _sendable(found: str | None, where: str) -> str | None:
    """A token that can stand in a header."""
    if found and not (found.isascii() and found.isprintable() and " " not in found):
        raise SettingsError(
            f"{where} has a token with characters that no token has",
            "Copy it again, from https://huggingface.co/settings/tokens",
        )
    return found


def secret(url: str) -> dict[str, str]:
    """The header with the user's token; empty where there is none, or for an address elsewhere."""
    known = token() if is_hub(url) else None
    return {"Authorization": f"Bearer {known}"} if known else {}


def check() -> None:
    """See that the environment means something, and that there may be a network.

    Raises:
        SettingsError: A variable means nothing; names it.
        Unreachable: The user wants no network.
    """
    if not addresses.is_web(endpoint()):
        raise SettingsError(
            f"HF_ENDPOINT is no web address: {line(shown_endpoint(), 80)}",
            "Give one that begins with https:, or unset it.",
        )
    variable, cache = cache_variable(), hugging_face_cache()
    place = next((each for each in (cache, *cache.parents) if os.path.exists(each)), cache)
    if os.environ.get(variable) and not place.is_dir():
        raise SettingsError(
            f"{variable} leads to {line(str(place))}, which is no directory",
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
        if told := os.environ.get(name):
            if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", told, re.ASCII) or not float(told):
                shown = line(told, 40)
                hint = f"Set it to 30, or unset {name}."
                raise SettingsError(f"{name} is no number of seconds: {shown}", hint)
            found.append(float(told))
    return max(found, default=None)


def validator(headers: Mapping[str, str]) -> str:
    """What tells one content of an address from another: its ETag, or the time of its change."""
    return headers.get("ETag", "") or headers.get("Last-Modified", "")


def is_hub(url: str) -> bool:
    """Whether an address is of the Hub, or of the mirror in its place."""
    return url.startswith(f"{endpoint()}/")


def file_url(repository: str, commit: str, file: str) -> str:
    """Address of a file."""
    return f"{endpoint()}/{quote(repository)}/resolve/{quote(commit, safe='')}/{quote(file)}"


def address(url: str) -> tuple[str, str, str] | None:
    """Repository, revision and file (empty if none) of an address of the Hub; None for others."""
    parts = urlsplit(url)
    if parts.hostname not in _HOSTS and not is_hub(url):
        return None
    path = parts.path
    if is_hub(url):
        path = path.removeprefix(urlsplit(endpoint()).path)
    match = _ADDRESS.fullmatch(path)
    if match is None or match["repository"].split("/")[0] in ("api", "datasets", "spaces"):
        return None
    revision = match["revision"] or match["tree"] or "main"
    return match["repository"], unquote(revision), unquote(match["file"] or "")


def look_into(repository: str, revision: str, connection: net.Line, timeout: float) -> Repository:
    """List the files of a repository. Asks the network once.

    Raises:
        net.Failed: There is no answer, or none that makes sense.
        NotTheFile: The answer names no commit.
        SettingsError, Unreachable: As `check`.
    """
    path = f"models/{quote(repository)}/revision/{quote(revision, safe='')}?blobs=true"
    found = _asked(path, _Model, connection, timeout)
    listed = []
    for file in found.siblings:
        digest = f"git:{file.blob_id}" if file.blob_id else ""
        digest = f"sha256:{file.lfs.sha256}" if file.lfs is not None else digest
        listed.append(Listed(file.rfilename, file.size, digest))
    card = found.card_data if isinstance(found.card_data, dict) else {}
    licence = card.get("license")
    commit = found.sha or revision
    if not _SHA1.fullmatch(commit):
        raise NotTheFile(
            f"{repository}: the server says no commit of {line(revision, 80)}",
            "It is no Hub, or an incomplete mirror: check HF_ENDPOINT.",
        )
    return Repository(
        repository,
        commit,
        tuple(listed),
        bool(found.gated),
        licence if isinstance(licence, str) else "",
    )


def stored(repository: Repository, file: Listed, connection: net.Line, timeout: float) -> Stored:
    """Ask for the size and hash of a file, and whether it may be had.

    Raises:
        As `look_into`.
    """
    check()
    url = file_url(repository.name, repository.commit, file.name)
    # what it leads to isn't asked: the Hub knows its size and hash, a CDN may not
    with net.request(
        url, line=connection, method="HEAD", secret=secret(url), timeout_s=timeout, leave=False
    ) as answer:
        told = answer.headers
        own = answer.length if answer.status == 200 else None
    etag = told.get("X-Linked-Etag") or told.get("ETag") or ""
    etag = etag.removeprefix("W/").strip('"') or file.digest.partition(":")[2]
    size = told.get("X-Linked-Size", "")
    known = int(size) if size.isascii() and size.isdigit() and len(size) < 16 else own
    digest = file.digest
    if _SHA256.fullmatch(etag):  # so says the Hub itself, of large files
        digest = f"sha256:{etag}"
    elif _SHA1.fullmatch(etag):
        digest = f"git:{etag}"
    return Stored(etag, known if known is not None else file.size, digest)


def similar(repository: str, connection: net.Line, timeout: float) -> list[str]:
    """Names of repositories that are alike.

    Raises:
        As `look_into`.
    """
    words = repository.partition("/")[2] or repository
    asked = urlencode({"search": words, "limit": _NEAR})
    return [found.id for found in _asked(f"models?{asked}", list[_Found], connection, timeout)]


def _asked(path: str, kind: type[_Answer], connection: net.Line, timeout: float) -> _Answer:
    check()
    url = f"{endpoint()}/api/{path}"
    with net.request(url, line=connection, secret=secret(url), timeout_s=timeout) as answer:
        content = answer.whole(_MOST_BYTES, _TIMEOUTS * timeout)
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise net.Failed(
            "nonsense", line(f"sends an answer that makes no sense ({error})", 300)
        ) from error


def lock_folder(cache: Path, repository: str) -> Path:
    """Where huggingface_hub keeps the locks of a repository's files."""
    return cache / ".locks" / folder(repository)


def folder(repository: str) -> str:
    """The directory of a repository in the cache."""
    return f"models--{repository.replace('/', '--')}"


def no_network() -> Unreachable:
    """The error for a user who wants no network."""
    return Unreachable(
        "Nothing is downloaded while HF_HUB_OFFLINE is set",
        "Take that variable away, or set it to 0.",
    )
