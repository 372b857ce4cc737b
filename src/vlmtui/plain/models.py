"""Models in the plain chat: exchanged in mid-chat, compared, listed, fetched, deleted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlmtui import printable, units
from vlmtui.chat.choice import Choice
from vlmtui.chat.comparison import Asked, Comparison
from vlmtui.chat.requests import is_of
from vlmtui.errors import InputError, ModelNotFound, SwitchFailed, VlmtuiError
from vlmtui.messages import Role
from vlmtui.net import addresses
from vlmtui.plain.following import interrupts
from vlmtui.plain.machine import summary
from vlmtui.plain.writing import WritingCommands
from vlmtui.stats import model_details
from vlmtui.stats.pull_lines import PullLines, outlook_of

if TYPE_CHECKING:
    from vlmtui.models.download.coordinator import Pulls
    from vlmtui.models.download.states import Told

_COMPARED = re.compile(r"(\S+)\s+(\S+)(?:\s+(\S.*))?", re.DOTALL)
_NAME = 60


class ModelCommands(WritingCommands):
    """What can be done with models."""

    # ------------------------------------------------------------------ who answers

    def command_model(self, name: str) -> None:
        """Say which model answers, or answer with another one."""
        if not name:
            now = printable.line(self.session.load_request.name, _NAME)
            self.voice.note(f"{now} answers", "/model NAME changes it; /models lists all")
            return
        load = self.means.shelf.load(name)
        same = load == self.session.load_request
        try:
            told = self.follow(self.session.switch(load))
        except SwitchFailed as error:
            raise self._explained(error) from error
        present = self.session.load_request
        shown = printable.line(present.name, _NAME)
        if told.stopped:
            self.voice.note("Loading was stopped")
        since = "already" if same else "from now on" if present == load else "as before"
        self.voice.note(f"{shown} answers {since}{_sight(self._engine_state.info)}")

    def _explained(self, error: SwitchFailed) -> VlmtuiError:
        """The error with who answers now."""
        old = printable.line(self.session.load_request.name, _NAME)
        now = (
            f"{old} is loaded again and answers"
            if error.back
            else f"No model is loaded; the next question tries {old}"
        )
        name = printable.line(error.model, _NAME)
        return VlmtuiError(f"{name} can't be used: {error.message}", f"{error.hint}\n{now}".strip())

    def command_compare(self, argument: str) -> None:
        """Have two models answer one question, the last one or that behind their names."""
        match = _COMPARED.fullmatch(argument)
        if match is None:
            raise InputError("/compare needs two models", "For example: /compare demo llava:7b")
        loads = [self.means.shelf.load(name) for name in match.groups()[:2]]
        question: Asked | None = None
        if match[3]:
            draft = self.draft(match[3])
            waiting, self.waiting = self.waiting, []
            places = (*[0] * len(waiting), *draft.places)
            question = Asked(draft.text, (*waiting, *draft.images), places)
        else:
            self.last(Role.USER)
        comparison = Comparison(self.session, loads, question)

        def stop() -> None:
            comparison.stop()
            self.session.cancel()

        told = self.follow(comparison.run(), stop)
        for stored in told.answers:
            name = printable.line(stored.model or "", _NAME)
            self.voice.note(f"{name} took {summary(stored.stats or {})}")
        now = printable.line(self.session.load_request.name, _NAME)
        stopped = "Stopped. " if told.stopped else ""
        both = "; /previous and /next show the answers" if len(told.answers) > 1 else ""
        self.voice.note(f"{stopped}{now} answers, as before{both}")

    # ------------------------------------------------------------------ all models

    def command_models(self, argument: str) -> None:
        """List the models, or do something with one."""
        verb, _, name = argument.strip().partition(" ")
        actions = {"pull": self._pull, "rm": self._remove, "info": self._inform}
        if verb in actions:
            if not name.strip():
                raise InputError(f"/models {verb} needs a name", "/models lists the models")
            actions[verb](name.strip())
            return
        found = self.means.shelf.choices()
        chosen = [
            choice
            for choice in (*found.here, *found.elsewhere)
            if argument.casefold() in choice.name.casefold()
        ]
        free = units.size(found.machine.gpu_free or found.machine.free)
        self.voice.note(f"{free} of memory is free")
        self.print_rows(
            (_row(choice, self.session.load_request.name) for choice in chosen),
            "There are no such models",
            "/model NAME has one answer; /models pull, rm or info NAME fetches, deletes, tells",
        )
        for broken in found.broken:
            self.voice.note(f"{printable.line(broken.name)} can't be used: {broken.reason}")
        if found.problem is not None:
            self.voice.complain(found.problem)

    def _inform(self, name: str) -> None:
        """Tell all that is known of a model."""
        found = self.means.shelf.choices()
        for choice in (*found.here, *found.elsewhere):
            also = choice.installed.aliases if choice.installed is not None else ()
            if name in (choice.name, *also):
                for label, value in [("name", choice.name), *model_details.rows(choice)]:
                    self.voice.show(f"{label}: {printable.line(value)}")
                return
        raise ModelNotFound(f"There is no model named {name!r}", "/models lists them")

    def _pull(self, name: str) -> None:
        """Fetch a model; lines tell how far it is."""
        from vlmtui.models.download.coordinator import Pulls

        pulls = Pulls(lambda: self.means.shelf)
        pulls.start(name)
        shown = printable.line(addresses.shown(name))
        lines = PullLines([shown], self.voice.note)
        told = self._follow_pull(pulls, name, lines)
        while (question := told.state.question) is not None:
            if question.error is not None:
                pulls.cancel(name)
                for file in question.candidates:
                    size = f"{units.size(file.size)} {file.verdict or ''}".rstrip()
                    self.voice.note(f"{size} {printable.line(file.name)}")
                raise question.error
            if not self.lines.confirm(self.voice.note, "Fetch it all the same?"):
                pulls.cancel(name)
                self.voice.note("Nothing was fetched")
                return
            pulls.answer(name)
            told = self._follow_pull(pulls, name, lines)
        if told.state.error is not None:
            raise told.state.error
        if told.state.cancelled:
            self.voice.note(f"Stopped; what came is kept. /models pull {shown} goes on")
        else:
            here = printable.line(told.state.name, _NAME)
            self.voice.note(f"{here} is here; /model {here} has it answer")

    def _follow_pull(self, pulls: Pulls, name: str, lines: PullLines) -> Told:
        """Tell what comes of a download, which Ctrl+C stops, up to a question or its end."""
        from vlmtui.models.download.states import Planned

        with interrupts(lambda: pulls.cancel(name)) as stopped:
            for told in pulls.follow():
                if isinstance(told.event, Planned):
                    lines.plan(0, told.event.plan, outlook_of(told.event))
                elif told.event is not None:
                    lines.show(0, told.event)
                question = told.state.question
                if told.state.ended or (question is not None and question.judged):
                    break
        if stopped.is_set() and not self.lines.interactive:
            raise KeyboardInterrupt
        return told

    def _remove(self, name: str) -> None:
        """Delete a model's files."""
        planned = self.means.shelf.removal(name)
        model = planned.model
        shown = printable.line(model.name, _NAME)
        if is_of(self.session.load_request, model):
            raise InputError(f"{shown} is the model that answers", "Have another one answer first")
        what = (
            f"Delete {shown} and free {units.size(planned.freed)}?"
            if planned.files
            else f"Forget {shown}? Its file stays."
        )
        if self.lines.confirm(self.voice.note, what):
            self.means.shelf.remove(planned)
            self.voice.note(f"{shown} is gone")
        else:
            self.voice.note("Nothing was deleted")


def _sight(info: object) -> str:
    from vlmtui.engine.base import ModelInfo

    if not isinstance(info, ModelInfo):
        return ""
    return f"; {units.size(info.size_bytes)}{'' if info.vision else ', sees no pictures'}"


def _row(choice: Choice, current: str) -> str:
    parts = (
        "answers now" if choice.here and choice.name == current else "",
        "here" if choice.here else "to be had",
        _verdict(choice),
        f"{'about ' if choice.reckoned else ''}{units.size(choice.size_bytes)}",
        choice.installed.quantisation if choice.installed is not None else "",
        "" if choice.sees else "text only",
        choice.entry.about if choice.entry is not None else "",
        "no GGUF: vlmtui can't run it yet"
        if not choice.here and choice.entry is not None and choice.entry.imported
        else "",
    )
    return f"{printable.line(choice.name, _NAME)}: {printable.line(', '.join(filter(None, parts)))}"


def _verdict(choice: Choice) -> str:
    outlook = choice.outlook
    if outlook.problem is not None:
        return f"{outlook.word}: {outlook.problem.message}" if choice.here else ""
    changes = f" with {outlook.changes}" if outlook.changes else ""
    return f"{'fits' if outlook.word == 'smaller' else outlook.word}{changes}"
