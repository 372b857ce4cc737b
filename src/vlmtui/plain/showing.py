"""How the plain chat shows what came of a command: in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vlmtui import dates, printable, units
from vlmtui.commands.chat_commands import title
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
    Table,
)
from vlmtui.commands.picture_commands import Folder, PicturesOfChat
from vlmtui.commands.settings_commands import SystemPrompt
from vlmtui.commands.stats_commands import AnswerStats, Details, Machine
from vlmtui.compose.picture_folders import Entry
from vlmtui.messages import Role
from vlmtui.plain import message_lines, showing_steps
from vlmtui.plain.sitting import Sitting
from vlmtui.stats import answer_stats, machine_rows
from vlmtui.stats.image_costs import Cost, thread_costs

_QUESTION = 60


def show(sitting: Sitting, outcome: Outcome) -> None:
    """Print an outcome; follow it, where it goes on.

    Raises:
        VlmtuiError: It can't be done.
    """
    if (shown := _SHOWN.get(type(outcome))) is not None:
        shown(sitting, outcome)
    elif (following := showing_steps.take(sitting, outcome)) is not None:
        show(sitting, following)


def _said(sitting: Sitting, said: Said) -> None:
    sitting.voice.note(said.message, said.advice)


def _listing(sitting: Sitting, listing: Listing) -> None:
    if listing.heading:
        sitting.voice.note(listing.heading)
    sitting.print_rows(iter(listing.rows), listing.nothing, listing.advice)
    for note in listing.notes:
        _said(sitting, note)


def _table(sitting: Sitting, table: Table) -> None:
    rows = (f"{label}: {printable.line(value, 400)}" for label, value in table.rows)
    sitting.voice.note(f"{table.heading}:")
    sitting.print_rows(rows, "", table.advice)


def _choices(sitting: Sitting, offered: Choices) -> None:
    rows = (printable.line(f"{each.value}: {each.note}") for each in offered.choices)
    sitting.print_rows(rows, "", offered.advice)


def _system(sitting: Sitting, prompt: SystemPrompt) -> None:
    back = "/system default uses the one from the settings again"
    sitting.voice.note(
        f"System prompt: {prompt.text or 'none'}",
        f"This is this chat's own; {back}" if prompt.own else "",
    )


# ---------------------------------------------------------------------- messages and chats


def _messages(sitting: Sitting, messages: Messages) -> None:
    nothing = "There is nothing in this chat yet"
    sitting.print_rows(message_lines.told(messages.thread), nothing)
    if messages.before:
        sitting.voice.note(f"{messages.before} messages before these: /show all")


def _branch(sitting: Sitting, branch: Branch) -> None:
    if branch.said is not None:
        _said(sitting, branch.said)
        return
    ids = [stored.id for stored in branch.thread]
    at = ids.index(branch.cursor) if branch.cursor in ids else len(ids)
    both = 2 if branch.thread[at:] and branch.thread[at].message.role is Role.USER else 1
    for text in message_lines.told(branch.thread[at : at + both]):
        sitting.voice.show(text)


def _chat_shown(sitting: Sitting, shown: ChatShown) -> None:
    if shown.said is not None:
        _said(sitting, shown.said)
    if shown.chat is not None:
        sitting.voice.note(f"Chat {shown.chat.id}: {title(shown.chat)}")
    thread = shown.thread
    ids = [stored.id for stored in thread]
    at = ids.index(shown.message_id) if shown.message_id in ids else max(len(thread) - 2, 0)
    for text in message_lines.told(thread[at : at + 2]):
        sitting.voice.show(text)
    if (rest := len(thread) - at - 2) > 0:
        follow = "message follows" if rest == 1 else "messages follow"
        sitting.voice.note(f"{rest} more {follow}: /show all")
    for said in shown.peculiarities:
        _said(sitting, said)
    if shown.draft is not None:
        sitting.take_up(shown.draft)


# ---------------------------------------------------------------------- pictures


def _folder(sitting: Sitting, folder: Folder) -> None:
    sitting.voice.note(f"In {printable.line(folder.listing.directory)}:")
    sitting.print_rows(
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


def _pictures(sitting: Sitting, pictures: PicturesOfChat) -> None:
    known = thread_costs(stored.stats for stored in pictures.thread)

    def rows() -> Iterator[str]:
        for stored in pictures.thread:
            for image in stored.message.images:
                words = [f"{image.width}×{image.height}"]
                words += known.get(image.sha256, Cost()).words()
                words += [printable.line(image.path)]
                yield f"#{stored.id}: {printable.line(image.name, 80)}, {', '.join(words)}"
        for image in sitting.waiting:
            words = [printable.line(image.name, 80), f"{image.width}×{image.height}"]
            yield f"attached: {', '.join(words)}, {printable.line(image.path)}"

    sitting.print_rows(rows(), "", "Other programs can show these files")


# ---------------------------------------------------------------------- statistics


def _details(sitting: Sitting, details: Details) -> None:
    for label, value in answer_stats.rows(details.stored, details.thread):
        sitting.voice.show(f"{label}: {printable.line(value, 400)}")


def _answer_stats(sitting: Sitting, asked: AnswerStats) -> None:
    answers = answer_stats.answers(asked.thread)
    for question, stored in answers:
        words = printable.line(question, _QUESTION) or "a picture"
        sitting.voice.show(f"#{stored.id} {words}: {answer_stats.sentence(stored.stats or {})}")
    stats = [stored.stats or {} for _, stored in answers]
    sums, why = answer_stats.summary(stats)
    sitting.voice.note(f"In total: {sums.replace(' · ', ', ')}")
    if sentence := answer_stats.roofline(stats[-1]):
        sitting.voice.note(f"Last: {sentence}")
    if why:
        sitting.voice.note(why)


def _machine(sitting: Sitting, machine: Machine) -> None:
    for row in machine_rows.rows(machine.moment):
        if row.value != "–":
            sitting.voice.show(f"{row.label}: {printable.line(row.value)}")
    for label, items in machine_rows.details(machine.moment):
        sitting.voice.show(f"{label}: {printable.line(', '.join(items))}")
    for note in machine.moment.snapshot.notes:
        sitting.voice.note(note)


_SHOWN: dict[type[Outcome], Callable[[Sitting, Any], None]] = {
    Said: _said,
    Listing: _listing,
    Table: _table,
    Choices: _choices,
    SystemPrompt: _system,
    Copied: lambda sitting, copied: sitting.voice.show(copied.text),
    Messages: _messages,
    ThoughtShown: lambda sitting, shown: sitting.voice.show(shown.stored.message.thought.strip()),
    Branch: _branch,
    ChatShown: _chat_shown,
    ChatChanged: lambda sitting, changed: _said(sitting, changed.said),
    Folder: _folder,
    PicturesOfChat: _pictures,
    Details: _details,
    AnswerStats: _answer_stats,
    Machine: _machine,
}
