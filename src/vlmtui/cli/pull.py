"""`vlmtui models pull`: what is asked and shown of downloads on the command line."""

from __future__ import annotations

import sys

import click

from vlmtui import units
from vlmtui.chat.available_models import AvailableModels
from vlmtui.chat.model_choice import choices, fitting
from vlmtui.cli.pull_display import Display, display
from vlmtui.endings import INTERRUPTED, ended_by_signals
from vlmtui.errors import DoesNotFit, VlmtuiError
from vlmtui.models import search
from vlmtui.models.download.coordinator import Pulls
from vlmtui.models.download.events import Finished
from vlmtui.models.download.states import Planned, Question, Told
from vlmtui.models.download.target import NO_TOWER, ImportWish
from vlmtui.printable import line
from vlmtui.settings import load_settings
from vlmtui.stats.pull_lines import fit_verdict_of

_ENDS_WITHIN_S = 20.0


def pull_models(
    wanted: tuple[str, ...],
    mmproj: str = "",
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    imports: ImportWish | None = None,
) -> int:
    """Download models, named as for `Pull`; `yes` fetches also what is of no use here.

    Returns:
        The exit code: that of the first that failed.
    """
    names = list(dict.fromkeys(wanted))
    shown = display(names, as_json=as_json)
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    pulls = Pulls(lambda: AvailableModels(load_settings(), imports=imports), held=True)
    command = _Command(names, shown, pulls, yes=yes, asks=asks, dry_run=dry_run)
    with ended_by_signals():
        try:
            command.run(mmproj)
        except (KeyboardInterrupt, SystemExit) as told:
            command.stop(mmproj)
            if isinstance(told, SystemExit):
                raise
            return INTERRUPTED
        finally:
            shown.close()
    for number, name in enumerate(names):
        if finished := command.finished.get(name):
            shown.result(number, finished, _name(finished))
    return next((command.codes[name] for name in names if name in command.codes), 0)


class _Command:
    """One run of the command. No byte is fetched before all is known and asked.

    Attributes:
        finished: What has come, by what was wished for.
        codes: Exit codes of those that failed.
    """

    def __init__(
        self,
        names: list[str],
        shown: Display,
        pulls: Pulls,
        *,
        yes: bool,
        asks: bool,
        dry_run: bool,
    ) -> None:
        self.finished: dict[str, Finished] = {}
        self.codes: dict[str, int] = {}
        self._names = names
        self._shown = shown
        self._yes = yes
        self._asks = asks
        self._dry_run = dry_run
        self._pulls = pulls
        self._planned: dict[str, Planned] = {}
        self._ready: set[str] = set()

    def run(self, mmproj: str) -> None:
        for name in self._names:
            self._pulls.start(name, mmproj)
        for told in self._pulls.follow():
            self._show(told)
            question = told.state.question
            if question is not None and question.judged:
                self._decide(told.wanted, question)
            if self._ready and self._ready == {state.name for state in self._pulls.running}:
                self._go()

    def stop(self, mmproj: str) -> None:
        """End all downloads, and say how to go on with them."""
        left = [self._pulls.again(state.name) for state in self._pulls.running]
        self._pulls.close()
        for told in self._pulls.follow(_ENDS_WITHIN_S):
            self._show(told)
        self._shown.close()
        if left:
            self._shown.kept([*left, "--mmproj", mmproj] if mmproj else left)

    def _show(self, told: Told) -> None:
        number = self._names.index(told.wanted)
        if isinstance(told.event, Planned):
            self._planned[told.wanted] = told.event
            self._shown.plan(number, told.event.plan, fit_verdict_of(told.event))
        elif told.event is not None:
            self._shown.show(number, told.event)
        if isinstance(told.event, Finished):
            self.finished[told.wanted] = told.event
        if (error := told.state.error) is not None:
            self.codes[told.wanted] = error.exit_code
            self._shown.failed(number, error)

    def _decide(self, name: str, question: Question) -> None:
        """Answer a question of a download, or have the user do so."""
        if question.error is not None:
            if self._asks:
                self._pulls.answer(name, _chosen(question))
            else:
                self._pulls.cancel(name, question.error)
        elif not question.doubt or self._yes:
            self._ready.add(name)
        elif not self._asks:
            self._pulls.cancel(name, _doubtful(self._planned[name]))
        elif click.confirm("Download it anyway?", err=True):
            self._ready.add(name)
        else:
            click.echo("Nothing was downloaded.", err=True)
            self.codes[name] = DoesNotFit.exit_code
            self._pulls.cancel(name)

    def _go(self) -> None:
        for name in self._ready:
            if self._dry_run:
                self._pulls.cancel(name)
            else:
                self._pulls.answer(name)
        self._ready = set()


def _doubtful(planned: Planned) -> DoesNotFit:
    """The error for what is of no use here, where nobody can be asked."""
    expected = fit_verdict_of(planned)
    if expected.problem is not None:
        instead = expected.problem.hint
    else:
        fits = next(iter(fitting(choices(load_settings()).elsewhere)), None)
        instead = f"{fits.name} would fit." if fits is not None else ""
    hint = f"Nothing was downloaded; --yes downloads it anyway. {instead}".strip()
    return DoesNotFit(f"{planned.plan.name}: {expected.words}", hint)


def _chosen(question: Question) -> str:
    """The one of several files that the user chooses."""
    assert question.error is not None
    click.echo(f"{line(question.error.message)}:", err=True)
    rows = [(units.size(each.size), each.verdict, each.name) for each in question.candidates]
    if question.role == "mmproj":
        rows.append(("", "", "none: text only"))
    for number, (size, verdict, name) in enumerate(rows, 1):
        click.echo(f"  {number:>3}  {size:>8}  {verdict:<8} {line(name)}", err=True)
    chosen = click.prompt("Which one?", type=click.IntRange(1, len(rows)), err=True)
    return NO_TOWER if chosen > len(question.candidates) else question.candidates[chosen - 1].name


def _name(finished: Finished) -> str:
    try:
        for model in search.survey().models:
            if model.path in finished.paths:
                return model.name
    except VlmtuiError:
        pass
    return finished.name
