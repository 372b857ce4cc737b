"""From what is meant to what is fetched: asks the server what it has, and looks what is here."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from vlmtui import kept, net
from vlmtui.errors import NothingToPull, PullError, Unreachable
from vlmtui.models import catalog
from vlmtui.models.discovery import plain_name
from vlmtui.models.download import choice, faults, hub, places
from vlmtui.models.download import hub_access as access
from vlmtui.models.download.events import Event, Plan, RemoteFile, Role, Waiting
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.download.target import NO_TOWER, HubTarget, UrlTarget, near_names
from vlmtui.models.gguf.foreign import SNIFFED_BYTES, not_a_gguf
from vlmtui.models.installed import StoredFile
from vlmtui.models.stores import hugging_face_cache
from vlmtui.net import CancelScope, addresses

_Answer = TypeVar("_Answer")

_NAMED = re.compile(r'filename="?([^";]+)"?', re.IGNORECASE)


class Planner:
    """Finds out what of a target is to be fetched.

    Raises:
        PullError: There are no such files, or the server refuses.
        Stopped: So it was wanted.
    """

    def __init__(self, scope: CancelScope, policy: RetryPolicy) -> None:
        self._scope = scope
        self._policy = policy

    def of_hub(self, target: HubTarget) -> Generator[Event, None, Plan]:
        """Plan for files of the Hub; when it can't be reached, for what the cache has of them."""
        name, scope, timeout = target.repository, self._scope, self._policy.timeout_s
        try:
            repository = yield from self._answer(
                lambda: hub.look_into(name, target.revision, scope, timeout), name
            )
        except NothingToPull as error:
            raise self._with_near_names(error, name) from None
        except Unreachable:
            here = _in_cache(target)
            if here is None:
                raise
            return here
        files = []
        for role, listed in choice.choose(target, repository):
            if not places.in_snapshot(repository, listed.name).exists():
                ask = partial(hub.asked_for, repository, listed, scope, timeout)
                listed = yield from self._answer(ask, name)
            files.append(places.in_cache(repository, listed, role))
        return _plan(target, files, repository)

    def of_url(self, target: UrlTarget) -> Generator[Event, None, Plan]:
        """Plan for files at addresses."""
        model = yield from self._at_address(target.model, "model")
        files = [model]
        if target.mmproj:
            tower = yield from self._at_address(target.mmproj, "mmproj")
            # beside its model, also when it comes from elsewhere
            if tower.path.parent != model.path.parent:
                tower = places.beside(tower, model)
            files.append(tower)
        folder = model.path.parent
        name = plain_name(StoredFile(model.path, "own", str(folder)))
        return Plan(addresses.shown(target.wanted), name, tuple(files), folder)

    def _at_address(self, url: str, role: Role) -> Generator[Event, None, RemoteFile]:
        """A file at an address: its name and size, from its first bytes."""
        what = addresses.shown(url)
        file = yield from self._answer(lambda: self._ask(url, what, role), what)
        return file

    def _ask(self, url: str, what: str, role: Role) -> RemoteFile:
        access.check()
        asked = {"Range": f"bytes=0-{SNIFFED_BYTES - 1}"}
        secret, timeout_s = access.secret(url), self._policy.timeout_s
        with net.request(
            url, scope=self._scope, headers=asked, secret=secret, timeout_s=timeout_s
        ) as answer:
            first = b""
            with self._scope.within(self._policy.slow_s):
                for piece in answer.pieces():
                    first += piece
                    if len(first) >= SNIFFED_BYTES:
                        break
        if not first.startswith(b"GGUF"):
            wrong = not_a_gguf(what, first[:SNIFFED_BYTES])
            kind = wrong.message.rpartition("it is ")[2]
            if "page" in kind:
                raise faults.page(what, kind)
            raise NothingToPull(wrong.message, wrong.hint)
        size = answer.length
        if answer.status == 206:
            size = answer.part[1] if answer.part is not None else None
        named = _NAMED.search(answer.headers.get("Content-Disposition", ""))
        name = urlsplit(url).path.rpartition("/")[2]
        if not name.lower().endswith(".gguf") and named is not None:
            name = named[1]
        if not name.lower().endswith(".gguf"):
            name = f"{name or 'model'}.gguf"
        return places.of_our_own(url, name, size, hub.validator(answer.headers), role)

    def _answer(self, ask: Callable[[], _Answer], what: str) -> Generator[Event, None, _Answer]:
        """Ask until there is an answer, or no sense in asking again."""
        policy, failed = self._policy, 0
        while True:
            self._scope.check()
            try:
                return ask()
            except net.Failed as failure:
                failed += 1
                fault = faults.of(failure, what)
            if not fault.again or failed >= policy.first_tries:
                raise fault.error
            seconds = policy.before(failed) if fault.after is None else fault.after
            if seconds > policy.most_asked_s:
                raise fault.error
            yield Waiting(fault.reason, seconds)
            self._scope.wait(seconds)

    def _with_near_names(self, error: NothingToPull, repository: str) -> NothingToPull:
        """The error, with repositories that may be meant."""
        known = {entry.repository for entry in catalog.load().entries}
        entries = sorted(name for name in known if name and name != repository)
        near = near_names(repository, entries)
        with suppress(net.Failed):  # it is only to be of help
            similar = hub.similar(repository, self._scope, self._policy.timeout_s)
            near += [name for name in similar if name not in near]
        if not near:
            return error
        return NothingToPull(error.message, f"Did you mean {', '.join(near[:5])}?")


def _plan(target: HubTarget, files: list[RemoteFile], repository: hub.Repository) -> Plan:
    first = files[0]
    folder = hugging_face_cache() / hub.folder(repository.name)
    imported = target.imports.name if target.imports is not None else ""
    stored = StoredFile(first.path, "huggingface", str(folder), repository.name)
    return Plan(
        addresses.shown(target.wanted),
        imported or catalog.load().name_of(stored) or plain_name(stored),
        tuple(files),
        folder,
        repository.name,
        target.revision,
        repository.commit,
        repository.licence,
    )


def _in_cache(target: HubTarget) -> Plan | None:
    """What is here of a target, when all of it is."""
    root = hugging_face_cache() / hub.folder(target.repository)
    try:
        ref = root / "refs" / target.revision
        commit = kept.read(ref).decode().strip() if ref.is_file() else target.revision
        snapshot = root / "snapshots" / commit
        found = [path for path in snapshot.rglob("*") if path.is_file()]
    except (OSError, ValueError):
        return None
    listed = tuple(
        hub.Listed(path.relative_to(snapshot).as_posix(), path.stat().st_size) for path in found
    )
    repository = hub.Repository(target.repository, commit, listed)
    try:
        chosen = choice.choose(target, repository)
    except PullError:
        return None
    # of a model whose tower was never fetched, something is missing
    if (
        target.mmproj
        and target.mmproj != (NO_TOWER,)
        and all(role == "model" for role, _ in chosen)
    ):
        return None
    files = [places.cached(repository, file, role) for role, file in chosen]
    return _plan(target, files, repository)
