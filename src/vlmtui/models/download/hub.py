"""The two questions that are put to the Hugging Face Hub: what a repository has, what a file is.

Both answers are taken for what they claim to be only within bounds of size, time and shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec
from msgspec import Meta

from vlmtui import net, wrong_values
from vlmtui.errors import NotTheFile
from vlmtui.models.download import hub_access as access
from vlmtui.printable import line

_Answer = TypeVar("_Answer")

_HOSTS = ("huggingface.co", "hf.co", "www.huggingface.co")
_ADDRESS = re.compile(
    r"/(?P<repository>[\w.-]+/[\w.-]+?)"
    r"(?:/(?:resolve|blob|raw)/(?P<revision>[^/]+)/(?P<file>.+)|/tree/(?P<tree>[^/]+))?/?"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_NEAR = 5
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

    etag: str = ""
    """What its content goes by in the cache; empty until the Hub is asked, see `asked_for`."""


class Repository(msgspec.Struct, frozen=True):
    """What a repository has at one commit."""

    name: str
    commit: str
    files: tuple[Listed, ...]
    gated: bool = False
    """Its terms have to be accepted before its files can be had."""

    licence: str = ""


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


def validator(headers: Mapping[str, str]) -> str:
    """What tells one content of an address from another: its ETag, or the time of its change."""
    return headers.get("ETag", "") or headers.get("Last-Modified", "")


def file_url(repository: str, commit: str, file: str) -> str:
    """Address of a file."""
    return f"{access.endpoint()}/{quote(repository)}/resolve/{quote(commit, safe='')}/{quote(file)}"


def address(url: str) -> tuple[str, str, str] | None:
    """Repository, revision and file (empty if none) of an address of the Hub; None for others."""
    parts = urlsplit(url)
    if parts.hostname not in _HOSTS and not access.is_hub(url):
        return None
    path = parts.path
    if access.is_hub(url):
        path = path.removeprefix(urlsplit(access.endpoint()).path)
    match = _ADDRESS.fullmatch(path)
    if match is None or match["repository"].split("/")[0] in ("api", "datasets", "spaces"):
        return None
    revision = match["revision"] or match["tree"] or "main"
    return match["repository"], unquote(revision), unquote(match["file"] or "")


def look_into(repository: str, revision: str, scope: net.CancelScope, timeout: float) -> Repository:
    """List the files of a repository. Asks the network once.

    Raises:
        net.Failed: There is no answer, or none that makes sense.
        NotTheFile: The answer names no commit.
        SettingsError, Unreachable: As `hub_access.check`.
    """
    path = f"models/{quote(repository)}/revision/{quote(revision, safe='')}?blobs=true"
    found = _asked(path, _Model, scope, timeout)
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
            f"{repository}: the server gives no commit for {line(revision, 80)}",
            "This is not a Hub, or an incomplete mirror: check HF_ENDPOINT.",
        )
    return Repository(
        repository,
        commit,
        tuple(listed),
        bool(found.gated),
        licence if isinstance(licence, str) else "",
    )


def asked_for(
    repository: Repository, file: Listed, scope: net.CancelScope, timeout: float
) -> Listed:
    """The file with its size and hash, which the Hub is asked for, and whether it may be had.

    Raises:
        As `look_into`.
    """
    access.check()
    url = file_url(repository.name, repository.commit, file.name)
    # what it leads to isn't asked: the Hub knows its size and hash, a CDN may not
    with net.request(
        url,
        scope=scope,
        method="HEAD",
        secret=access.secret(url),
        timeout_s=timeout,
        leave=False,
    ) as answer:
        headers = answer.headers
        own = answer.length if answer.status == 200 else None
    etag = headers.get("X-Linked-Etag") or headers.get("ETag") or ""
    etag = etag.removeprefix("W/").strip('"') or file.digest.partition(":")[2]
    size = net.parse_size(headers.get("X-Linked-Size", ""))
    known = own if size is None else size
    digest = file.digest
    if _SHA256.fullmatch(etag):  # so says the Hub itself, of large files
        digest = f"sha256:{etag}"
    elif _SHA1.fullmatch(etag):
        digest = f"git:{etag}"
    return Listed(file.name, known if known is not None else file.size, digest, etag)


def similar(repository: str, scope: net.CancelScope, timeout: float) -> list[str]:
    """Names of repositories that are alike.

    Raises:
        As `look_into`.
    """
    words = repository.partition("/")[2] or repository
    asked = urlencode({"search": words, "limit": _NEAR})
    return [found.id for found in _asked(f"models?{asked}", list[_Found], scope, timeout)]


def _asked(path: str, kind: type[_Answer], scope: net.CancelScope, timeout: float) -> _Answer:
    access.check()
    url = f"{access.endpoint()}/api/{path}"
    with net.request(url, scope=scope, secret=access.secret(url), timeout_s=timeout) as answer:
        content = answer.whole(_MOST_BYTES, _TIMEOUTS * timeout)
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise net.Failed(
            "nonsense", f"sends an answer that makes no sense ({line(wrong_values.why(error))})"
        ) from error


def lock_folder(cache: Path, repository: str) -> Path:
    """Where huggingface_hub keeps the locks of a repository's files."""
    return cache / ".locks" / folder(repository)


def folder(repository: str) -> str:
    """The directory of a repository in the cache."""
    return f"models--{repository.replace('/', '--')}"
