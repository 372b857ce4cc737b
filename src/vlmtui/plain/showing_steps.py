"""Outcomes that aren't the end of a command, in lines: what is followed, edited, asked first.

Each of these returns the outcome that comes next, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vlmtui import printable
from vlmtui.commands import message_commands, model_commands, picture_commands
from vlmtui.commands.outcomes import (
    Ask,
    Attached,
    Compare,
    Confirm,
    EditQuestion,
    OpenEditor,
    Outcome,
    Pull,
    Said,
    Switch,
    WantsFetch,
    WriteAgain,
)
from vlmtui.compose import external_editor
from vlmtui.errors import InputError, SwitchFailed
from vlmtui.messages import ImagePart
from vlmtui.plain import fetching_models
from vlmtui.plain.sitting import Sitting
from vlmtui.stats import answer_stats

_NAME = 60


def take(sitting: Sitting, outcome: Outcome) -> Outcome | None:
    """Go on with an outcome.

    Raises:
        VlmtuiError: It can't be done.
        KeyboardInterrupt: It was stopped, and nobody is there to go on.
    """
    return _STEPS[type(outcome)](sitting, outcome)


# ---------------------------------------------------------------------- turns


def _ask(sitting: Sitting, ask: Ask) -> Outcome | None:
    told = sitting.follow(ask.events(), question=ask.question)
    if not told.stopped:
        return None
    if told.answers and told.answers[-1].message.text.strip():
        model = sitting.measuring.model
        continues = "/continue continues it, " if model is None or model.continues else ""
        return Said(f"Stopped; {continues}/regen answers again")
    return Said("Stopped before there was an answer; /regen asks again")


def _compare(sitting: Sitting, compare: Compare) -> Outcome | None:
    def stop() -> None:
        compare.comparison.stop()
        sitting.session.cancel()

    told = sitting.follow(compare.events(), stop, compare.question)
    for stored in told.answers:
        name = printable.line(stored.model or "", _NAME)
        sitting.voice.note(f"{name}: {answer_stats.sentence(stored.stats or {})}")
    sitting.failed = sitting.failed or not (told.answers or told.stopped)
    now = printable.line(sitting.session.model.request.name, _NAME)
    stopped = "Stopped. " if told.stopped else ""
    both = "/previous and /next show the answers" if len(told.answers) > 1 else ""
    return Said(f"{stopped}{now} is in use again", both)


def _switch(sitting: Sitting, switch: Switch) -> Outcome | None:
    try:
        told = sitting.follow(sitting.session.switch(switch.load))
    except SwitchFailed as error:
        raise model_commands.not_switched(sitting.context, error) from error
    return model_commands.switched(
        sitting.context, switch, sitting.measuring.model, cancelled=told.stopped
    )


# ---------------------------------------------------------------------- texts to be edited


def _edit(sitting: Sitting, edit: EditQuestion) -> Outcome | None:
    stored, old = edit.stored, edit.stored.message.text
    if not sitting.lines.interactive or "\n" in old:
        sitting.voice.show(old)
        editor = f"; /editor #{stored.id} edits it" if sitting.lines.interactive else ""
        return Said(f"/edit #{stored.id} NEW WORDS asks this in other words{editor}")
    sitting.voice.note("Change it and press Enter; an empty line leaves it as it is")
    new = sitting.lines.read("edit> ", old)
    if new is None or new.strip() in ("", old):
        return Said("Nothing was changed")
    return message_commands.ask_instead(sitting.context, stored, new)


def _write_again(sitting: Sitting, again: WriteAgain) -> Outcome | None:
    text: str | None = again.message.text
    if sitting.lines.interactive and "\n" not in again.message.text:
        sitting.voice.note("Enter asks it, changed or not; an empty line doesn't")
        text = sitting.lines.read("> ", again.message.text)
    if text is None or (not text.strip() and again.message.text):
        return Said("Nothing was asked")
    return message_commands.ask_again(sitting.context, again.message, text)


def _editor(sitting: Sitting, editor: OpenEditor) -> Outcome | None:
    if not sitting.lines.interactive:
        raise InputError("An editor needs a terminal", "A backslash at the end continues a line")
    text = external_editor.edit(editor.text)
    if editor.edits is not None and text.strip() in ("", editor.text.strip()):
        return Said("Nothing was changed")
    if editor.edits is not None:
        return message_commands.ask_instead(sitting.context, editor.edits, text)
    if not text.strip():
        return Said("Nothing was written, nothing is sent")
    return message_commands.ask(sitting.context, text)


# ---------------------------------------------------------------------- pictures, questions


def _attached(sitting: Sitting, attached: Attached) -> Outcome | None:
    sitting.attached(attached.images)
    if attached.error is not None:
        raise attached.error
    return attached.wants


def _fetch(sitting: Sitting, wants: WantsFetch) -> Outcome | None:
    from vlmtui.chat import fetch

    question = picture_commands.fetch_question(wants.urls)
    sitting.begun = wants.typed
    if not sitting.lines.confirm(sitting.voice.note, question):
        advice = picture_commands.NOT_FETCHED if wants.typed else ""
        raise InputError("Nothing was fetched", advice)
    images: dict[str, ImagePart] = {}
    try:
        for url in wants.urls:
            sitting.voice.note(f"Fetching from {fetch.host_of(url)} …")
            images[url] = picture_commands.fetched(sitting.session, url)
    except KeyboardInterrupt:
        if not sitting.lines.interactive:
            raise
        raise InputError("Cancelled; nothing was fetched") from None
    sitting.begun = ""
    return wants.then(sitting.context, images)


def _confirm(sitting: Sitting, confirm: Confirm) -> Outcome | None:
    if confirm.hint:
        sitting.voice.note(confirm.hint)
    if sitting.lines.confirm(sitting.voice.note, confirm.question):
        return confirm.then(sitting.context)
    return confirm.declined


_STEPS: dict[type[Outcome], Callable[[Sitting, Any], Outcome | None]] = {
    Ask: _ask,
    Compare: _compare,
    Switch: _switch,
    EditQuestion: _edit,
    WriteAgain: _write_again,
    OpenEditor: _editor,
    Attached: _attached,
    WantsFetch: _fetch,
    Confirm: _confirm,
    Pull: lambda sitting, pull: fetching_models.fetch(sitting, pull.name),
}
