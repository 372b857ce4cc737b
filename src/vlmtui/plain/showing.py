"""How the plain chat shows what came of a command: in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vlmtui import dates, printable, units
from vlmtui.commands.chat_commands import title
from vlmtui.commands.message_actions import is_cut_off
from vlmtui.commands.message_commands import Messages, ThoughtShown
from vlmtui.commands.outcomes import (
    Branch,
    ChatChanged,
    ChatShown,
    Choices,
    Copied,
    Listing,
    Outcome,
    Said,
    SystemPrompt,
    Table,
)
from vlmtui.commands.picture_commands import Folder, PicturesOfChat
from vlmtui.commands.stats_commands import AnswerStats, Details, Machine
from vlmtui.compose.picture_folders import Entry
from vlmtui.messages import Role, readable
from vlmtui.plain import showing_steps
from vlmtui.plain.console import Console
from vlmtui.stats import answer_stats, machine_rows
from vlmtui.stats.image_costs import Cost, thread_costs
from vlmtui.storage.records import StoredMessage

_QUESTION = 60
_SPEAKER = 40


def show(console: Console, outcome: Outcome) -> None:
    """Print an outcome; follow it, where it goes on. Raises `VlmtuiError` where that can't be."""
    if (shown := _SHOWN.get(type(outcome))) is not None:
        shown(console, outcome)
    elif (following := showing_steps.take(console, outcome)) is not None:
        show(console, following)


def _said(console: Console, said: Said) -> None:
    console.printer.note(said.message, said.advice)


def _listing(console: Console, listing: Listing) -> None:
    if listing.heading:
        console.printer.note(listing.heading)
    console.print_rows(iter(listing.rows), listing.nothing, listing.advice)
    for note in listing.notes:
        _said(console, note)


def _table(console: Console, table: Table) -> None:
    rows = (f"{label}: {printable.line(value, 400)}" for label, value in table.rows)
    console.printer.note(f"{table.heading}:")
    console.print_rows(rows, "", table.advice)


def _choices(console: Console, offered: Choices) -> None:
    rows = (printable.line(f"{each.value}: {each.note}") for each in offered.choices)
    console.print_rows(rows, "", offered.advice)


def _system(console: Console, prompt: SystemPrompt) -> None:
    back = "/system default uses the one from the settings again"
    console.printer.note(
        f"System prompt: {prompt.text or 'none'}",
        f"This is this chat's own; {back}" if prompt.own else "",
    )


# ---------------------------------------------------------------------- messages and chats


def _lines(messages: Sequence[StoredMessage]) -> Iterator[str]:
    """Each message as it stands in the chat; marked where another model begins to answer."""
    model: str | None = None
    for stored in messages:
        if stored.message.role is Role.USER:
            names = [printable.line(image.name, _SPEAKER) for image in stored.message.images]
            pictures = f" with {', '.join(names)}" if names else ""
            yield f"#{stored.id} You{pictures}{_state(stored)}: {readable(stored.message)}"
            continue
        if model is not None and stored.model != model:
            other = printable.line(stored.model or "another model", _SPEAKER)
            yield f"From here on {other} answers."
        model = stored.model
        who = printable.line(stored.model or "Model", _SPEAKER)
        yield f"#{stored.id} {who}{_state(stored)}: {stored.message.text}"


def _state(stored: StoredMessage) -> str:
    parts = [f"version {stored.sibling} of {stored.siblings}"] if stored.siblings > 1 else []
    if stored.message.role is Role.ASSISTANT and is_cut_off(stored):
        parts.append("cut off" if stored.status != "failed" else "failed")
    return f" ({', '.join(parts)})" if parts else ""


def _messages(console: Console, messages: Messages) -> None:
    nothing = "There is nothing in this chat yet"
    console.print_rows(_lines(messages.thread), nothing)
    if messages.before:
        console.printer.note(f"{messages.before} messages before these: /show all")


def _branch(console: Console, branch: Branch) -> None:
    if branch.said is not None:
        _said(console, branch.said)
        return
    ids = [stored.id for stored in branch.thread]
    at = ids.index(branch.cursor) if branch.cursor in ids else len(ids)
    both = 2 if branch.thread[at:] and branch.thread[at].message.role is Role.USER else 1
    for text in _lines(branch.thread[at : at + both]):
        console.printer.show(text)


def _chat_shown(console: Console, shown: ChatShown) -> None:
    if shown.said is not None:
        _said(console, shown.said)
    if shown.chat is not None:
        console.printer.note(f"Chat {shown.chat.id}: {title(shown.chat)}")
    thread = shown.thread
    ids = [stored.id for stored in thread]
    at = ids.index(shown.message_id) if shown.message_id in ids else max(len(thread) - 2, 0)
    for text in _lines(thread[at : at + 2]):
        console.printer.show(text)
    if (rest := len(thread) - at - 2) > 0:
        follow = "message follows" if rest == 1 else "messages follow"
        console.printer.note(f"{rest} more {follow}: /show all")
    for said in shown.peculiarities:
        _said(console, said)
    if shown.draft is not None:
        console.take_up(shown.draft)


# ---------------------------------------------------------------------- pictures


def _folder(console: Console, folder: Folder) -> None:
    console.printer.note(f"In {printable.line(folder.listing.directory)}:")
    console.print_rows(
        (_entry(number, entry) for number, entry in enumerate(folder.listing.entries, 1)),
        "There are no pictures and no folders",
        "/pick NUMBER attaches a picture or opens a folder",
    )


def _entry(number: int, entry: Entry) -> str:
    name = printable.line(entry.name, 80)
    if entry.directory:
        return f"{number}: {name} (a folder)"
    lately = ", attached recently" if entry.recent else ""
    size = units.size(entry.size_bytes)
    return f"{number}: {name}, {size}, {dates.full(entry.modified)}{lately}"


def _pictures(console: Console, pictures: PicturesOfChat) -> None:
    known = thread_costs(stored.stats for stored in pictures.thread)

    def rows() -> Iterator[str]:
        for stored in pictures.thread:
            for image in stored.message.images:
                words = [f"{image.width}×{image.height}"]
                words += known.get(image.sha256, Cost()).words()
                words += [printable.line(image.path)]
                yield f"#{stored.id}: {printable.line(image.name, 80)}, {', '.join(words)}"
        for image in console.waiting:
            words = [printable.line(image.name, 80), f"{image.width}×{image.height}"]
            yield f"attached: {', '.join(words)}, {printable.line(image.path)}"

    console.print_rows(rows(), "", "Other programs can show these files")


# ---------------------------------------------------------------------- statistics


def _details(console: Console, details: Details) -> None:
    for label, value in answer_stats.rows(details.stored, details.thread):
        console.printer.show(f"{label}: {printable.line(value, 400)}")


def _answer_stats(console: Console, asked: AnswerStats) -> None:
    answers = answer_stats.answers(asked.thread)
    for question, stored in answers:
        words = printable.line(question, _QUESTION) or "a picture"
        console.printer.show(f"#{stored.id} {words}: {answer_stats.sentence(stored.stats or {})}")
    stats = [stored.stats or {} for _, stored in answers]
    sums, why = answer_stats.summary(stats)
    console.printer.note(f"In total: {sums.replace(' · ', ', ')}")
    if sentence := answer_stats.roofline(stats[-1]):
        console.printer.note(f"Last: {sentence}")
    if why:
        console.printer.note(why)


def _machine(console: Console, machine: Machine) -> None:
    for row in machine_rows.rows(machine.moment):
        if row.value != "–":
            console.printer.show(f"{row.label}: {printable.line(row.value)}")
    for label, items in machine_rows.details(machine.moment):
        console.printer.show(f"{label}: {printable.line(', '.join(items))}")
    for note in machine.moment.snapshot.notes:
        console.printer.note(note)


_SHOWN: dict[type[Outcome], Callable[[Console, Any], None]] = {
    Said: _said,
    Listing: _listing,
    Table: _table,
    Choices: _choices,
    SystemPrompt: _system,
    Copied: lambda console, copied: console.printer.show(copied.text),
    Messages: _messages,
    ThoughtShown: lambda console, shown: console.printer.show(shown.stored.message.thought.strip()),
    Branch: _branch,
    ChatShown: _chat_shown,
    ChatChanged: lambda console, changed: _said(console, changed.said),
    Folder: _folder,
    PicturesOfChat: _pictures,
    Details: _details,
    AnswerStats: _answer_stats,
    Machine: _machine,
}
