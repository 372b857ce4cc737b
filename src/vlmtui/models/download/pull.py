"""A download from beginning to end, as a stream of events."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui import demo
from vlmtui.errors import DamagedDownload
from vlmtui.models import file_maker
from vlmtui.models.convert import importing
from vlmtui.models.convert.importing import Import, Remaining
from vlmtui.models.download import hub_access as access
from vlmtui.models.download import places, space
from vlmtui.models.download.events import (
    Cancelled,
    Event,
    Finished,
    Importing,
    Plan,
    Progress,
    Ready,
    RemoteFile,
    Resolved,
    Resolving,
    Restarted,
    Waiting,
)
from vlmtui.models.download.meter import Sum
from vlmtui.models.download.plans import Planner
from vlmtui.models.download.retry_policy import RetryPolicy
from vlmtui.models.download.target import Bundled, HubTarget, ImportWish, UrlTarget, understand
from vlmtui.models.download.transfer import Transfer
from vlmtui.models.download.verify import verify
from vlmtui.net import CancelScope, Stopped, addresses

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK_ASKED_EVERY_S = 0.3


class Pull:
    """Downloads a model. Made in any thread, run in one, cancelled from any."""

    def __init__(
        self,
        wanted: str,
        *,
        model: str = "",
        mmproj: str = "",
        imports: ImportWish | None = None,
        policy: RetryPolicy | None = None,
    ) -> None:
        """Prepare; asks nobody. For what may be wanted see `understand`.

        Raises:
            NothingToPull: It means nothing.
            SettingsError: The catalogue can't be read.
        """
        self.wanted = wanted
        self._target = understand(wanted, model, mmproj, imports)
        self._policy = policy or RetryPolicy()
        self._default_policy = policy is None
        self._scope = CancelScope()
        self.plan: Plan | None = None
        """What is fetched, once it is known."""

    def cancel(self) -> None:
        """End soon, also in the middle of a file. What came is kept."""
        self._scope.stop()

    def run(self) -> Iterator[Event]:
        """Download. The last event is `Finished` or `Cancelled`.

        Raises:
            PullError: It can't be done; what came is kept.
        """
        try:
            yield from self._run()
        except Stopped:
            files = self.plan.files if self.plan is not None else ()
            yield Cancelled(
                sum(places.here(file) for file in files), sum(file.size or 0 for file in files)
            )

    def _run(self) -> Iterator[Event]:
        target = self._target
        yield Resolving(addresses.shown(self.wanted))
        if isinstance(target, Bundled):
            yield Finished(target.entry.name, (demo.model_path(), demo.mmproj_path()), 0)
            return
        if self._default_policy and (seconds := access.seconds()):
            self._policy = RetryPolicy(timeout_s=seconds)
        job = self._import(Path(), target)
        if job is not None and job.model.exists():
            yield Finished(job.name, tuple(file for file in job.files if file.exists()), 0)
            return
        planner = Planner(self._scope, self._policy)
        if isinstance(target, HubTarget):
            plan = yield from planner.of_hub(target)
        else:
            plan = yield from planner.of_url(target)
        self.plan = plan
        yield Resolved(plan)
        self._scope.check()
        space.check(plan.files, (job.folder, space.imported(plan)) if job is not None else None)
        sums = Sum(plan.size)
        for file in plan.files:
            yield from self._one(plan, file, sums)
            sums.done += places.here(file)
        paths = tuple(file.path for file in plan.files)
        job = self._import(plan.folder / "snapshots" / plan.commit, target)
        if job is not None:
            yield from self._made(job)
            paths = tuple(file for file in job.files if file.exists())
        yield Finished(plan.name, paths, sums.fetched)

    def _import(self, source: Path, target: HubTarget | UrlTarget) -> Import | None:
        wish = target.imports if isinstance(target, HubTarget) else None
        return importing.job(source, wish.name, wish.head) if wish is not None else None

    def _made(self, job: Import) -> Iterator[Event]:
        """Import; what it has written is kept when it is stopped."""
        clock = Remaining()
        with closing(importing.run(job)) as steps:
            for step in steps:
                self._scope.check()
                if isinstance(step, file_maker.Progress):
                    left = clock.at(step.fraction)
                    yield Importing(step.doing, step.fraction, left)
        importing.finish(job)

    def _one(self, plan: Plan, file: RemoteFile, sums: Sum) -> Iterator[Event]:
        """Fetch a file, unless it is here."""
        if not file.path.exists() or not file.present:
            places.prepare(file)
            with ExitStack() as held:
                yield from self._hold(file, held, sums)
                if not places.whole(file):
                    yield from self._fetch(file, sums)
                places.settle(plan, file)
        yield Ready(file.name, file.path)

    def _hold(self, file: RemoteFile, held: ExitStack, sums: Sum) -> Iterator[Event]:
        """Take the lock of a file; while another process has it, tell how far that one is."""
        from filelock import FileLock, SoftFileLock, Timeout

        lock: BaseFileLock = FileLock(file.lock, mode=0o664)  # as huggingface_hub has it
        begun = False
        while True:
            try:
                with warnings.catch_warnings():  # it would warn on the terminal of what is next
                    warnings.simplefilter("ignore")
                    held.enter_context(lock.acquire(timeout=_LOCK_ASKED_EVERY_S))
                return
            except Timeout:
                self._scope.check()
            except NotImplementedError:  # a file system that locks nothing
                lock = SoftFileLock(file.lock)
                continue
            except OSError as error:
                raise places.unwritable(error, file) from error
            if not begun:
                begun = True
                yield Waiting("another program is downloading it", None)
            here = places.here(file)
            done = sums.done + here
            yield Progress(file.name, here, file.size, 0.0, None, done, max(sums.total, done))

    def _fetch(self, file: RemoteFile, sums: Sum) -> Iterator[Event]:
        """Fetch a file and compare its hash; once more when that is another."""
        again = True
        while True:
            yield from Transfer(file, self._scope, self._policy, sums).run()
            try:
                yield from verify(file, self._scope)
                return
            except DamagedDownload as error:
                # a part of it of no use is of no use at all: nobody knows where it is wrong
                places.discard(file)
                if not again:
                    raise
                again = False
                yield Restarted(file.name, error.message)
