"""A model's download in lines: asked about where it may be for nothing, stopped by Ctrl+C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmtui import printable, units
from vlmtui.commands.outcomes import Said
from vlmtui.net import addresses
from vlmtui.plain.console import Console, interrupts

if TYPE_CHECKING:  # a client for the network
    from vlmtui.models.download.coordinator import Pulls
    from vlmtui.models.download.states import Question, Told
    from vlmtui.stats.pull_lines import PullLines

_NAME = 60


def fetch(console: Console, name: str) -> Said:
    """Fetch a model; lines tell how far it is.

    Raises:
        PullError: It can't be fetched.
        KeyboardInterrupt: It was stopped, and nobody is there to go on.
    """
    from vlmtui.models.download.coordinator import Pulls
    from vlmtui.stats.pull_lines import PullLines

    pulls = Pulls(lambda: console.context.models)
    pulls.start(name)
    shown = printable.line(addresses.shown(name))
    lines = PullLines([shown], console.printer.note)
    told = _follow(console, pulls, name, lines)
    while (question := told.state.question) is not None:
        if question.error is not None or not console.confirm("Download it anyway?"):
            pulls.cancel(name)
            return _refused(console, question)
        pulls.answer(name)
        told = _follow(console, pulls, name, lines)
    if told.state.error is not None:
        raise told.state.error
    if told.state.cancelled:
        return Said("Stopped; what came is kept", f"/models pull {shown} continues")
    here = printable.line(told.state.name, _NAME)
    return Said(f"{here} is installed", f"/model {here} switches to it")


def _refused(console: Console, question: Question) -> Said:
    """What comes of a question that isn't answered: which of several files is meant is an error."""
    if question.error is None:
        return Said("Nothing was downloaded")
    for file in question.candidates:
        size = f"{units.size(file.size)} {file.verdict or ''}".rstrip()
        console.printer.note(f"{size} {printable.line(file.name)}")
    raise question.error


def _follow(console: Console, pulls: Pulls, name: str, lines: PullLines) -> Told:
    """Tell what comes of a download, which Ctrl+C stops, up to a question or its end."""
    from vlmtui.models.download.states import Planned
    from vlmtui.stats.pull_lines import fit_verdict_of

    with interrupts(lambda: pulls.cancel(name)) as stopped:
        for told in pulls.follow():
            if isinstance(told.event, Planned):
                lines.plan(0, told.event.plan, fit_verdict_of(told.event))
            elif told.event is not None:
                lines.show(0, told.event)
            question = told.state.question
            if told.state.ended or (question is not None and question.judged):
                break
    if stopped.is_set() and not console.reader.interactive:
        raise KeyboardInterrupt
    return told
