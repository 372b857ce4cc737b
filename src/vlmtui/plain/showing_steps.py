"""Outcomes that aren't the end of a command, in lines: what is followed, edited, asked first.

Each of these returns the outcome that comes next, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vlmtui import printable
from vlmtui.commands import message_commands, model_commands, outcomes, picture_commands
from vlmtui.commands.outcomes import Outcome, Said
from vlmtui.compose import external_editor
from vlmtui.errors import InputError, SwitchFailed
from vlmtui.messages import ImagePart
from vlmtui.plain import fetching_models
from vlmtui.plain.console import Console
from vlmtui.stats import answer_stats

_NAME = 60


def take(console: Console, outcome: Outcome) -> Outcome | None:
    """Go on with an outcome.

    Raises:
        VlmtuiError: It can't be done.
        KeyboardInterrupt: It was stopped, and nobody is there to go on.
    """
    return _STEPS[type(outcome)](console, outcome)


# ---------------------------------------------------------------------- turns


def _ask(console: Console, ask: outcomes.Ask) -> Outcome | None:
    told = console.follow(ask.events(), typed=ask.typed)
    if not told.stopped:
        return None
    if told.answers and told.answers[-1].message.text.strip():
        model = console.measuring.model
        continues = "/continue continues it, " if model is None or model.continues else ""
        return Said(f"Stopped; {continues}/regen answers again")
    return Said("Stopped before there was an answer; /regen asks again")


def _compare(console: Console, compare: outcomes.Compare) -> Outcome | None:
    def stop() -> None:
        compare.comparison.stop()
        console.session.cancel()

    told = console.follow(compare.events(), stop, compare.typed)
    for stored in told.answers:
        name = printable.line(stored.model or "", _NAME)
        console.printer.note(f"{name}: {answer_stats.sentence(stored.stats or {})}")
    console.failed = console.failed or not (told.answers or told.stopped)
    now = printable.line(console.session.model.request.name, _NAME)
    stopped = "Stopped. " if told.stopped else ""
    both = "/previous and /next show the answers" if len(told.answers) > 1 else ""
    return Said(f"{stopped}{now} is in use again", both)


def _switch(console: Console, switch: outcomes.Switch) -> Outcome | None:
    try:
        told = console.follow(console.session.switch(switch.load))
    except SwitchFailed as error:
        raise model_commands.not_switched(console.context, error) from error
    return model_commands.switched(
        console.context, switch, console.measuring.model, cancelled=told.stopped
    )


# ---------------------------------------------------------------------- texts to be edited


def _edit(console: Console, edit: outcomes.EditQuestion) -> Outcome | None:
    stored, old = edit.stored, edit.stored.message.text
    if not console.reader.interactive or "\n" in old:
        console.printer.show(old)
        editor = f"; /editor #{stored.id} edits it" if console.reader.interactive else ""
        return Said(f"/edit #{stored.id} NEW WORDS asks this in other words{editor}")
    console.printer.note("Change it and press Enter; an empty line leaves it as it is")
    new = console.reader.read("edit> ", old)
    if new is None or new.strip() in ("", old):
        return Said("Nothing was changed")
    return message_commands.ask_instead(console.context, stored, new)


def _write_again(console: Console, again: outcomes.WriteAgain) -> Outcome | None:
    text: str | None = again.message.text
    if console.reader.interactive and "\n" not in again.message.text:
        console.printer.note("Enter asks it, changed or not; an empty line doesn't")
        text = console.reader.read("> ", again.message.text)
    if text is None or (not text.strip() and again.message.text):
        return Said("Nothing was asked")
    return message_commands.ask_again(console.context, again.message, text)


def _editor(console: Console, editor: outcomes.OpenEditor) -> Outcome | None:
    if not console.reader.interactive:
        raise InputError("An editor needs a terminal", "A backslash at the end continues a line")
    text = external_editor.edit(editor.text)
    if editor.edits is not None and text.strip() in ("", editor.text.strip()):
        return Said("Nothing was changed")
    if editor.edits is not None:
        return message_commands.ask_instead(console.context, editor.edits, text)
    if not text.strip():
        return Said("Nothing was written, nothing is sent")
    return message_commands.ask(console.context, text)


# ---------------------------------------------------------------------- pictures, questions


def _attached(console: Console, attached: outcomes.Attached) -> Outcome | None:
    console.attached(attached.images)
    if attached.error is not None:
        raise attached.error
    return attached.wants


def _fetch(console: Console, wants: outcomes.WantsFetch) -> Outcome | None:
    from vlmtui.chat import fetch

    question = picture_commands.fetch_question(wants.urls)
    console.begun = wants.typed
    if not console.confirm(question):
        advice = picture_commands.NOT_FETCHED if wants.typed else ""
        raise InputError("Nothing was fetched", advice)
    images: dict[str, ImagePart] = {}
    try:
        for url in wants.urls:
            console.printer.note(f"Fetching from {fetch.host_of(url)} …")
            images[url] = picture_commands.fetched(console.session, url)
    except KeyboardInterrupt:
        if not console.reader.interactive:
            raise
        raise InputError("Cancelled; nothing was fetched") from None
    console.begun = ""
    return wants.then(console.context, images)


def _confirm(console: Console, confirm: outcomes.Confirm) -> Outcome | None:
    if confirm.hint:
        console.printer.note(confirm.hint)
    if console.confirm(confirm.question):
        return confirm.then(console.context)
    return confirm.declined


_STEPS: dict[type[Outcome], Callable[[Console, Any], Outcome | None]] = {
    outcomes.Ask: _ask,
    outcomes.Compare: _compare,
    outcomes.Switch: _switch,
    outcomes.EditQuestion: _edit,
    outcomes.WriteAgain: _write_again,
    outcomes.OpenEditor: _editor,
    outcomes.Attached: _attached,
    outcomes.WantsFetch: _fetch,
    outcomes.Confirm: _confirm,
    outcomes.Pull: lambda console, pull: fetching_models.fetch(console, pull.name),
}
