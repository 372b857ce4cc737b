"""Whole chats: begun, listed, searched, opened, put in order, deleted, written to files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vlmtui import dates, printable
from vlmtui.commands import export_arguments, parsing, specs
from vlmtui.commands.context import CommandContext
from vlmtui.commands.outcomes import ChatChanged, ChatShown, Listing, Outcome, Said
from vlmtui.commands.settings_commands import own_settings
from vlmtui.commands.verbs import BUSY, Verb
from vlmtui.errors import ArchiveError, InputError, StorageError, TurnRunning

if TYPE_CHECKING:  # not needed for the first paint
    from vlmtui.chat.session import ChatSession
    from vlmtui.storage.records import Chat, ChatRow, Found

_MOST = 1000
"""Chats of a list; a title finds the others."""

_FOUND = 100
_TITLE = 60


# ---------------------------------------------------------------------- opening


def _begun(context: CommandContext, said: Said) -> ChatShown:
    """Begin a new chat; what stands in the composer goes along."""
    with suppress(StorageError):  # at worst it stands in both composers
        context.session.questions.save_draft("")
    context.session.open(None)
    return ChatShown((), None, said=said)


def open_titled(context: CommandContext, wanted: str) -> Outcome:
    """Open a chat, by words of its title or by its number, perhaps at one of its messages."""
    archive = context.session.archive
    first, _, rest = wanted.strip().partition(" ")
    digits = first.removeprefix("#")
    if digits.isdecimal() and (not rest or rest.lstrip().startswith("#")):
        number = parsing.number(digits)
        if number is None:
            raise ArchiveError(f"There is no chat {digits[:20]}…", "/chats lists the chats")
        return open_chat(context, archive.chats.get(number), parsing.only_number(rest))
    for row in archive.listing.rows(1, 0, wanted):
        return open_chat(context, row.chat)
    raise ArchiveError(
        f"No chat has “{printable.line(wanted, _TITLE)}” in its title",
        "/chats lists the chats; /search looks into the messages, too",
    )


def open_chat(
    context: CommandContext,
    chat: Chat,
    message_id: int | None = None,
    words: Sequence[str] = (),
    said: Said | None = None,
    *,
    take_along: bool = False,
) -> ChatShown:
    """Open a chat, or go to another place in the one that is open: to a message of whatever branch.

    The words are marked in it. With `take_along` the composer stays as it is; else each chat has
    its own.
    """
    if chat.deleted is not None:
        raise ArchiveError(
            f"“{title(chat)}” is deleted", f"vlmtui chats restore {chat.id} restores it"
        )
    session, before = context.session, context.session.chat
    take_along = not _left_behind(context, take_along=take_along)
    try:
        if before is None or before.id != chat.id:
            session.open(chat)
        thread = session.transcript() if message_id is None else session.select(message_id)
        draft = None if take_along else session.questions.draft()
    except Exception:
        if session.chat is not before:
            session.open(before)
        raise
    return ChatShown(
        thread, session.chat, draft, message_id, tuple(words), said, peculiarities(session)
    )


def _left_behind(context: CommandContext, *, take_along: bool) -> bool:
    """Keep what is in the composer with the chat that is left; False where it isn't kept there."""
    draft = context.draft
    try:
        context.session.questions.save_draft(
            *("", ()) if take_along else (draft.text, draft.images)
        )
    except StorageError:
        return not draft.text and not draft.images
    return not take_along


def peculiarities(session: ChatSession) -> tuple[Said, ...]:
    """What of a chat is not as in other chats."""
    told = []
    chat = session.chat
    if chat is not None and chat.model and chat.model != session.model.request.name:
        name = printable.line(chat.model, _TITLE)
        told.append(Said(f"{name} answered in this chat", f"/model {name} switches to it"))
    if own := own_settings(session.preferences):
        told.append(Said(f"This chat has its own settings: {own}", "/set and /system show them"))
    return tuple(told)


# ---------------------------------------------------------------------- looking


def chats(context: CommandContext, like: str) -> Outcome:
    """List chats."""
    rows = context.session.archive.listing.rows(_MOST, 0, like)
    nothing = "No chat has this in its title" if like else "There are no chats yet"
    return Listing(map(_row, rows), nothing, "/open NUMBER opens one")


def _row(row: ChatRow) -> str:
    count = f"{row.messages} message{'s' if row.messages != 1 else ''}"
    pictures = f", {row.images} picture{'s' if row.images != 1 else ''}" if row.images else ""
    pin = ", pinned" if row.chat.pinned else ""
    when = dates.full(row.chat.updated)
    return f"{row.chat.id}: {title(row.chat)} ({count}{pictures}, {when}{pin})"


def search(context: CommandContext, text: str) -> Outcome:
    """Search all chats."""
    spec = specs.find("search")
    if not text and spec is not None:
        raise spec.lacking()
    found = context.session.archive.listing.search(text, _FOUND)
    advice = "/open CHAT #MESSAGE goes there"
    if found:
        advice += f", for example /open {found[0].chat.id} #{found[0].message_id}"
    return Listing(map(_hit, found), "Nothing was found", advice)


def _hit(hit: Found) -> str:
    if hit.in_title:
        return f"{hit.chat.id}: {title(hit.chat)} (in the title)"
    where = f"{hit.chat.id} #{hit.message_id}: {title(hit.chat)}"
    return f"{where}: {printable.line(hit.excerpt)}"


# ---------------------------------------------------------------------- putting in order


def pin_chat(context: CommandContext, chat: Chat) -> Outcome:
    """Put a chat above the others, or back among them."""
    archive = context.session.archive
    pinned = not archive.chats.get(chat.id).pinned
    archive.chats.pin(chat.id, pinned)
    now = _known(context, chat)
    return ChatChanged(now, Said(f"{'Pinned' if pinned else 'Unpinned'} “{title(now)}”"))


def rename_chat(context: CommandContext, chat: Chat, to: str) -> Outcome:
    """Give a chat another title."""
    context.session.archive.rename(chat.id, to)
    renamed = _known(context, chat)
    return ChatChanged(renamed, Said(f"Renamed to “{title(renamed)}”"))


def _known(context: CommandContext, chat: Chat) -> Chat:
    """What is on disk of a chat now; where it is the open one, the session knows it, too."""
    now = context.session.archive.chats.get(chat.id)
    context.session.branches.know(now)
    return now


def duplicate(context: CommandContext, _: str) -> Outcome:
    """Go on in a copy of this chat."""
    chat = opened(context)
    copy = context.session.archive.duplicate(chat.id)
    return open_chat(context, copy, said=Said(f"This is the copy of “{title(chat)}”"))


def duplicate_chat(context: CommandContext, chat: Chat) -> Outcome:
    """Copy any chat, and stay in the one that is open."""
    copy = context.session.archive.duplicate(chat.id)
    return ChatChanged(copy, Said(f"Copied “{title(chat)}”"))


# ---------------------------------------------------------------------- deleting


def delete_chat(context: CommandContext, chat: Chat) -> Outcome:
    """Delete a chat; after the open one a new one begins."""
    session = context.session
    was_open = session.chat is not None and session.chat.id == chat.id
    if was_open and session.busy:
        raise TurnRunning(BUSY.message, BUSY.advice)
    session.archive.delete(chat.id)

    def restore(context: CommandContext) -> Outcome:
        archive = context.session.archive
        archive.chats.trash.restore(chat.id)
        back, said = archive.chats.get(chat.id), Said(f"Restored “{title(chat)}”")
        if was_open:
            return open_chat(context, back, said=said, take_along=True)
        return ChatChanged(back, said)

    context.deleted.append(restore)
    said = Said(f"Deleted “{title(chat)}”", "/undo restores it")
    return _begun(context, said) if was_open else ChatChanged(chat, said)


# ---------------------------------------------------------------------- files


def export_chat(context: CommandContext, argument: str, chat: Chat | None = None) -> Outcome:
    """Write a chat to a file; of the open one, which is taken by default, it is what is shown."""
    from vlmtui.chat.export import format_of

    asked, session = export_arguments.read(argument), context.session
    chat = chat or opened(context)
    is_open = session.chat is not None and session.chat.id == chat.id
    written = session.archive.export(
        chat.id,
        asked.destination,
        asked.format or format_of(asked.destination),
        overwrite=asked.overwrite,
        shown=session.transcript() if is_open else None,
    )
    return Said(f"Saved as {printable.line(str(written))}")


def import_chat(context: CommandContext, argument: str) -> Outcome:
    """Open a chat that was exported as JSON."""
    paths = parsing.split_paths(argument)
    if len(paths) != 1:
        raise InputError("/import takes one file", "Put quotes around a path with spaces")
    chat = context.session.archive.import_json(Path(paths[0]))
    return open_chat(context, chat, said=Said(f"Imported {printable.line(paths[0])}"))


# ---------------------------------------------------------------------- which chat


def opened(context: CommandContext) -> Chat:
    """The chat that is open.

    Raises:
        InputError: It is a new one, of which nothing is on disk yet.
    """
    if context.session.chat is None:
        raise InputError("There is nothing in this chat yet", "It starts with your first question")
    return context.session.chat


def title(chat: Chat) -> str:
    """A chat's title for a sentence."""
    return printable.line(chat.title, _TITLE)


VERBS: dict[str, Verb] = {
    "new": lambda context, _: _begun(context, Said("New chat")),
    "chats": chats,
    "search": search,
    "open": open_titled,
    "pin": lambda context, _: pin_chat(context, opened(context)),
    "rename": lambda context, to: rename_chat(context, opened(context), to),
    "duplicate": duplicate,
    "trash": lambda context, _: delete_chat(context, opened(context)),
    "export": export_chat,
    "import": import_chat,
}
