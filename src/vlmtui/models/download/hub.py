"""The Hugging Face Hub as huggingface_hub knows it: where it is, what a repository has, who may.

The environment (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HOME) is read at each call; the library
itself reads it when it is imported. Nothing is fetched here but lists and headers.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec

from vlmtui import __version__
from vlmtui.errors import Unreachable

if TYPE_CHECKING:
    import httpx2

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


class _Found(msgspec.Struct):
    id: str


def endpoint() -> str:
    """Address of the Hub, or of the mirror that takes its place."""
    return (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")


def shown_endpoint() -> str:
    """The same for people's eyes: without the name and password that an address may carry."""
    parts = urlsplit(endpoint())
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def offline() -> bool:
    """Whether the user wants no network."""
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.lower() in _TRUE


def token() -> str | None:
    """The user's token: HF_TOKEN, or what `hf auth login` left. Never to be shown."""
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").lower() in _TRUE:
        return None
    _library()
    from huggingface_hub import get_token

    return get_token()


def headers(url: str) -> dict[str, str]:
    """Headers of a request; the token goes to the Hub only, or to the mirror in its place."""
    agent = {"User-Agent": f"vlmtui/{__version__}", "Accept-Encoding": "identity"}
    return {**agent, **secret(url)}


def secret(url: str) -> dict[str, str]:
    """The header with the user's token; empty where there is none, or for an address elsewhere."""
    known = token() if is_hub(url) else None
    return {"Authorization": f"Bearer {known}"} if known else {}


def validator(headers: httpx2.Headers) -> str:
    """What tells one content of an address from another: its ETag, or the time of its change."""
    return headers.get("ETag", "") or headers.get("Last-Modified", "")


def is_hub(url: str) -> bool:
    """Whether an address is of the Hub, or of the mirror in its place."""
    return url.startswith(f"{endpoint()}/")


def file_url(repository: str, commit: str, file: str) -> str:
    """Address of a file."""
    from urllib.parse import quote

    return f"{endpoint()}/{repository}/resolve/{quote(commit, safe='')}/{quote(file)}"


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


def session() -> httpx2.Client:
    """The connections that all of huggingface_hub uses, with the user's proxies and certificates.

    Raises:
        Unreachable: The user wants no network.
    """
    if offline():
        raise no_network()
    _library()
    from huggingface_hub import get_session

    return get_session()


def look_into(repository: str, revision: str, timeout: float) -> Repository:
    """List the files of a repository. Asks the network once.

    Raises:
        HfHubHTTPError, httpx2.HTTPError, ValueError: `faults` says what these mean.
        Unreachable: The user wants no network.
    """
    session()
    from huggingface_hub import HfApi

    hub = HfApi(
        endpoint(),
        token=token() or False,
        library_name="vlmtui",
        library_version=__version__,
    )
    found = hub.model_info(repository, revision=revision, files_metadata=True, timeout=timeout)
    listed = []
    for file in found.siblings or ():
        digest = f"sha256:{file.lfs.sha256}" if file.lfs else f"git:{file.blob_id or ''}"
        listed.append(Listed(file.rfilename, file.size, digest if file.lfs or file.blob_id else ""))
    licence = getattr(found.card_data, "license", None)
    return Repository(
        repository,
        found.sha or revision,
        tuple(listed),
        bool(found.gated),
        licence if isinstance(licence, str) else "",
    )


def stored(repository: Repository, file: Listed, timeout: float) -> Stored:
    """Ask for the size and hash of a file, and whether it may be had.

    Raises:
        As `look_into`.
    """
    session()
    from huggingface_hub import get_hf_file_metadata

    url = file_url(repository.name, repository.commit, file.name)
    told = get_hf_file_metadata(
        url,
        token=token() or False,
        timeout=timeout,
        endpoint=endpoint(),
        library_name="vlmtui",
        library_version=__version__,
    )
    etag = told.etag or file.digest.partition(":")[2]
    digest = file.digest
    if _SHA256.fullmatch(etag):  # so says the Hub itself, of large files
        digest = f"sha256:{etag}"
    elif _SHA1.fullmatch(etag):
        digest = f"git:{etag}"
    return Stored(etag, told.size if told.size is not None else file.size, digest)


def similar(repository: str, timeout: float) -> list[str]:
    """Names of repositories that are alike; empty when the Hub doesn't say."""
    address = f"{endpoint()}/api/models"
    asked = {"search": repository.partition("/")[2] or repository, "limit": str(_NEAR)}
    told = session().get(address, params=asked, headers=headers(address), timeout=timeout)
    told.raise_for_status()
    return [found.id for found in msgspec.json.decode(told.content, type=list[_Found])]


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


def _library() -> None:
    """Import huggingface_hub, and keep it from telling the Hub about us, and from the screen."""
    from huggingface_hub import constants
    from huggingface_hub.utils.logging import set_verbosity_error

    constants.HF_HUB_DISABLE_TELEMETRY = True
    if not constants.HF_DEBUG:
        # its warnings would go to the terminal, over what is drawn there
        set_verbosity_error()  # type: ignore[no-untyped-call]
